#include "cli/main.hpp"

#include "app/args_reader.hpp"
#include "app/doctor.hpp"
#include "app/examiner.hpp"
#include "app/explain.hpp"
#include "app/match.hpp"
#include "app/prober.hpp"
#include "app/record.hpp"
#include "app/run.hpp"
#include "cli/command_line.hpp"
#include "cli/verbs.hpp"
#include "io/own_process.hpp"
#include "report/scribe.hpp"

#include <array>
#include <csignal>
#include <exception>
#include <iostream>
#include <string_view>
#include <utility>

namespace nezuban {

namespace {

using Verb = Request::Verb;

constexpr std::array<std::pair<std::string_view, Verb>, 6> socket_verbs{{
    {"status", Verb::status},
    {"reload", Verb::reload},
    {"pause", Verb::pause},
    {"resume", Verb::resume},
    {"restart", Verb::restart},
    {"reset", Verb::reset},
}};

int doctor(const Options& options) {
    DoctorOptions wanted{.json = options.json,
                         .config = options.config,
                         .socket = daemon_of(options).socket,
                         .without = options.without};
    if (options.hold) wanted.hold = *options.hold;
    return run_doctor(wanted, std::cout, std::cerr);
}

int explain(const Options& options) {
    return run_explain({.config = options.config,
                        .socket = daemon_of(options).socket,
                        .target = options.target,
                        .json = options.json,
                        .stacks = options.stacks,
                        .without = options.without},
                       std::cout, std::cerr);
}

int dispatch(const Options& options) {
    const std::string_view verb = options.verb;
    for (const auto& [name, asked] : socket_verbs)
        if (verb == name) return run_ask(asked, options, std::cout, std::cerr);
    if (verb == "run")
        return run_daemon({.config = options.config, .socket = options.socket, .without = options.without});
    if (verb == "check") return run_check(options, std::cout, std::cerr);
    if (verb == "match")
        return run_match(
            {.config = options.config, .rules = options.names, .json = options.json, .without = options.without},
            std::cout, std::cerr);
    if (verb == "explain") return explain(options);
    if (verb == "health") {
        (void)std::signal(SIGPIPE, SIG_IGN); // who asks may want the code alone, and close his end
        run_ahead();                         // it is asked most when the machine is busiest
        return run_health(options, std::cout);
    }
    if (verb == "events") return run_events(options, std::cout, std::cerr);
    if (verb == "record")
        return run_record({.file = options.file, .hold = options.hold, .without = options.without}, std::cerr);
    if (verb == "replay") return run_replay(options, std::cout, std::cerr);
    return doctor(options);
}

} // namespace

int cli_main(int argc, char** argv) {
    try {
        // The daemon starts these of itself: they are no verbs, and nobody needs to know.
        if (argc > 1 && std::string_view{argv[1]} == "scribe") return scribe_main(argc, argv);
        if (argc > 1 && std::string_view{argv[1]} == "examiner") return examiner_main();
        if (argc > 1 && std::string_view{argv[1]} == "prober") return prober_main();
        if (argc > 1 && std::string_view{argv[1]} == "args") return args_reader_main();
        Options options;
        if (const auto over = parse_command_line(argc, argv, options, std::cout, std::cerr)) return *over;
        const int exit_code = dispatch(options);
        std::cout.flush();
        if (options.verb == "health") return exit_code; // whatever became of the line: the code is the answer
        // Half a list must not look like a whole one.
        return std::cout ? exit_code : exit_refused;
    } catch (const std::exception& problem) {
        std::cerr << "nezuban: " << problem.what() << '\n';
        return exit_refused;
    }
}

} // namespace nezuban
