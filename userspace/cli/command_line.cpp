#include "cli/command_line.hpp"

#include "config/units.hpp"
#include "control/protocol.hpp"
#include "core/words.hpp"

#include <ostream>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr const char* examples = R"(Examples:
  nezuban check -c mail.toml             what is wrong with a configuration
  nezuban match -c mail.toml             whom its rules would watch, right now
  nezuban explain 4711                   is it hung, and on what?
  nezuban status                         is everything within its numbers and moving?
  nezuban health scanner --style=nagios  the same for a monitoring system, as an exit code
  nezuban events -n 20                   what happened last
  nezuban pause scanner --for 10m        maintenance: observe, but act on nothing

-c, --socket and --json may stand before or after the verb.
Exit codes of all verbs but health: 0 done, 1 the answer is no or the operation failed, 2 usage or configuration
error, 3 the daemon is not reachable, 4 not permitted or the kernel lacks what is needed.
See nezuban(8) for more.)";

Duration duration_from(const std::string& text) {
    const auto duration = read_duration(text);
    if (!duration) throw CLI::ValidationError("--for", duration.error().text);
    if (*duration <= Duration::zero()) throw CLI::ValidationError("--for", "must be more than zero");
    return *duration;
}

void add_for(CLI::App& verb, Options& options, const char* help) {
    verb.add_option_function<std::string>(
            "--for", [&options](const std::string& text) { options.hold = duration_from(text); }, help)
        ->type_name("D");
}

void add_style(CLI::App& verb, Options& options) {
    verb.add_option_function<std::string>(
            "--style",
            [&options](const std::string& text) {
                const auto style = health_style_named(text);
                if (!style) throw CLI::ValidationError("--style", fmt::format("unknown style '{}'", text));
                options.style = *style;
            },
            "whose exit codes: clusterpro (default), ocf, nagios, keepalived or lsb")
        ->type_name("S");
}

void add_names(CLI::App& verb, Options& options, const char* placeholder, const char* help) {
    verb.add_option(placeholder, options.names, help)->type_name("");
}

void add_name(CLI::App& verb, Options& options) {
    verb.add_option("NAME", options.names, "a rule or a group")->type_name("")->required()->expected(1);
}

void add_file(CLI::App& verb, Options& options, const char* help) {
    verb.add_option("FILE", options.file, help)->type_name("")->required();
}

void add_events(CLI::App& verb, Options& options) {
    verb.add_flag("-f,--follow", options.follow, "go on and print what happens from now on");
    verb.add_option("--since", options.since, "from this date (RFC 3339) or for so long (\"2h\")")->type_name("T");
    verb.add_option("--rule", options.rule, "of this rule only")->type_name("R");
    verb.add_option_function<std::uint32_t>(
            "-n,--last", [&options](std::uint32_t number) { options.last = number; }, "only the last N")
        ->type_name("N");
}

void add_global(CLI::App& app, Options& options) {
    app.add_option("-c,--config", options.config, "the configuration")->type_name("FILE")->capture_default_str();
    app.add_option_function<std::string>(
           "--socket", [&options](const std::string& path) { options.socket = path; },
           "the control socket (default: what the configuration says)")
        ->type_name("PATH");
    app.add_flag("--json", options.json, "print for machines");
    app.add_option_function<std::string>(
           "--without",
           [&options](const std::string& text) {
               auto without = parse_without(text);
               if (!without) throw CLI::ValidationError("--without", without.error().text);
               options.without = std::move(*without);
           },
           "observe as on a kernel without these features, which doctor names")
        ->type_name("FEATURE,...");
    app.set_version_flag("--version", "nezuban " NEZUBAN_VERSION, "print the version");
}

// "nezuban stauts" and "nezuban status --jsno" deserve better than a list of everything.
std::string explained(const CLI::App& app, const CLI::ParseError& error) {
    const bool about_words = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr
                             || dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    if (!about_words) return error.what();
    const auto verbs = app.get_subcommands();
    const auto rest = app.remaining(true);
    std::vector<std::string> known;
    if (verbs.empty())
        for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; }))
            known.push_back(verb->get_name());
    else
        for (const CLI::App* owner : {&app, static_cast<const CLI::App*>(verbs.front())})
            for (const auto* option : owner->get_options())
                if (!option->get_lnames().empty()) known.push_back("--" + option->get_lnames().front());
    const std::vector<std::string_view> candidates{known.begin(), known.end()};

    if (verbs.empty() && rest.empty()) return "a verb is missing: see nezuban --help";
    if (verbs.empty() && !rest.front().starts_with('-'))
        return fmt::format("unknown verb '{}'{}", rest.front(), in_brackets(did_you_mean(rest.front(), candidates)));
    if (!rest.empty() && rest.front().starts_with('-')) {
        const auto name = rest.front().substr(0, rest.front().find('='));
        return fmt::format("unknown option '{}'{}", name, in_brackets(did_you_mean(name, candidates)));
    }
    if (!rest.empty()) return fmt::format("'{}' is one argument too many", rest.front());
    return error.what();
}

} // namespace

std::shared_ptr<CLI::App> make_command_line(Options& options) {
    auto app = std::make_shared<CLI::App>("nezuban keeps the processes of this host alive, within their numbers and "
                                          "moving.",
                                          "nezuban");
    app->require_subcommand(1);
    app->fallthrough(); // inherited by the verbs: what they don't know may be a global option
    app->footer(examples);
    app->get_formatter()->label("SUBCOMMAND", "VERB");
    app->get_formatter()->label("Subcommands", "Verbs");
    add_global(*app, options);

    const auto verb = [&](const char* name, const char* help) -> CLI::App& {
        auto* added = app->add_subcommand(name, help);
        added->callback([&options, name] { options.verb = name; });
        added->footer("-c, --socket and --json as everywhere: see nezuban --help");
        return *added;
    };
    verb("run", "the daemon, in the foreground");
    verb("check", "validate a configuration and print all its problems");
    add_names(verb("match", "which processes each rule means right now, and why"), options, "RULE",
              "rules; none: all of them");
    auto& explain = verb("explain", "why a process is or isn't moving: hung, idle, moving, and on what it waits");
    explain.add_option("TARGET", options.target, "the number of a process or thread, or a rule")
        ->type_name("")
        ->required();
    explain.add_flag("--stacks", options.stacks, "kernel stacks of all threads, not only of those that hang");
    add_names(verb("status", "rules, groups, counts, restart budgets: a line each"), options, "NAME",
              "rules or groups; none: all of them");
    auto& health = verb("health", "an exit code and a line for a cluster or a monitoring system");
    add_names(health, options, "NAME", "rules or groups; none: all rules");
    add_style(health, options);
    add_events(verb("events", "what happened, also in earlier runs"), options);
    verb("reload", "read the configuration anew; a bad one changes nothing");
    auto& pause = verb("pause", "keep observing a rule or group, but act on nothing");
    add_name(pause, options);
    add_for(pause, options, "for so long (default: until resumed)");
    add_name(verb("resume", "end a pause"), options);
    add_name(verb("restart", "restart by hand"), options);
    add_name(verb("reset", "clear what was given up, and its spent restarts"), options);
    auto& record = verb("record", "store the stream of events");
    add_file(record, options, "where to");
    add_for(record, options, "for so long (default: until Ctrl-C)");
    add_file(verb("replay", "run a configuration against a record, at once, acting on nothing"), options,
             "what record has stored");
    add_for(verb("doctor", "what the kernel offers, what nezuban costs, and what to mend"), options,
            "measure for so long (default: 2s)");
    return app;
}

std::optional<int> parse_command_line(int argc, const char* const* argv, Options& options, std::ostream& out,
                                      std::ostream& err) {
    const auto app = make_command_line(options);
    try {
        app->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            app->exit(error, out, err);
            return 0;
        }
        err << "nezuban: " << explained(*app, error) << '\n';
        return exit_usage;
    }
    return std::nullopt;
}

} // namespace nezuban
