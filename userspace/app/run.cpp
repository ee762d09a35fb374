#include "app/run.hpp"

#include "app/args_reader.hpp"
#include "app/configuration.hpp"
#include "app/daemon.hpp"
#include "app/find_commands.hpp"
#include "app/store.hpp"
#include "config/paths.hpp"
#include "io/clock.hpp"
#include "io/own_process.hpp"
#include "rules/matcher.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

namespace nezuban {

namespace {

constexpr int exit_failed = 1;
constexpr int exit_configuration = 2;
constexpr int exit_not_able = 4;
constexpr Duration for_disks = 5s; // nobody is watched yet, so nobody waits

int complain(const Error& error, int exit_code) {
    std::cerr << "nezuban: " << error.text << '\n';
    return exit_code;
}

} // namespace

int run_daemon(const RunOptions& options) {
    auto spawner = Spawner::start(); // first of all: it shall stay as small as we are now
    if (!spawner) return complain(spawner.error(), exit_failed);
    auto spec = read_configuration(options.config, std::cerr, guarded_sources(for_disks));
    if (!spec) return exit_configuration;
    if (options.socket) {
        if (const auto problem = socket_problem(*options.socket); !problem.empty())
            return complain({.text = "--socket: " + problem}, exit_configuration);
        spec->daemon.socket = *options.socket;
    }
    auto features = probe_features(options.without);
    if (auto able = require(features); !able) return complain(able.error(), exit_not_able);

    auto loop = Loop::create();
    if (!loop) return complain(loop.error(), exit_failed);
    auto signals = SignalFd::open();
    if (!signals) return complain(signals.error(), exit_failed);
    if (auto attached = spawner->attach(*loop); !attached) return complain(attached.error(), exit_failed);
    auto store = Store::open(*loop, *spawner, spec->daemon);
    if (!store) return complain(store.error(), exit_failed);
    run_ahead(); // harden says so when that is refused. Programs load in 0.3 s at a load of 11, and else in 0.5 to 3 s
    auto args_reader = std::make_unique<ArgsReader>(
        *spawner, [&store](const std::string& line) { (*store)->log(Severity::warning, line); });
    if (std::ranges::any_of(spec->rules, [](const RuleSpec& rule) { return Matcher(rule.match).needs().args; }))
        args_reader->prepare();
    auto observer = Observer::attach(features, spec->daemon.ring_size, std::move(args_reader));
    if (!observer) return complain(observer.error(), exit_not_able);
    auto memories = (*store)->memories();
    // After the attaching, so that no end is missed, and before the hardening, which makes a fork dear.
    for (const auto& line : find_commands(features, memories))
        (*store)->log(Severity::warning, line);
    for (const auto& weakness : harden()) {
        (*store)->log(Severity::warning, weakness);
    }

    Engine engine({.seed = static_cast<std::uint64_t>(monotonic_now().time_since_epoch().count()),
                   .events_told = features.mode != Mode::polling},
                  spec->rules, spec->groups, memories);
    Daemon daemon({.config_path = options.config,
                   .spec = std::move(*spec),
                   .loop = *loop,
                   .spawner = *spawner,
                   .features = std::move(features),
                   .signals = *signals,
                   .store = **store,
                   .observer = std::move(*observer),
                   .engine = std::move(engine)});
    const auto exit_code = daemon.run();
    if (!exit_code) return complain(exit_code.error(), exit_failed);
    return *exit_code;
}

} // namespace nezuban
