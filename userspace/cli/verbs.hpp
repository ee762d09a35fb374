// The verbs whose work is done here. Each returns the exit code.
#pragma once

#include "cli/options.hpp"
#include "control/protocol.hpp"
#include "core/spec.hpp"

#include <iosfwd>

namespace nezuban {

// check.cpp
int run_check(const Options& options, std::ostream& out, std::ostream& err);

// ask.cpp: status, reload, pause, resume, restart, reset
int run_ask(Request::Verb verb, const Options& options, std::ostream& out, std::ostream& err);

// health.cpp: prints a line and returns within a second, or ends the process there and then.
int run_health(const Options& options, std::ostream& out);

// events.cpp
int run_events(const Options& options, std::ostream& out, std::ostream& err);

// replay.cpp
int run_replay(const Options& options, std::ostream& out, std::ostream& err);

// daemon_of.cpp: [daemon] of the configuration, as far as that can be read, else the defaults; with --socket put in.
[[nodiscard]] DaemonSpec daemon_of(const Options& options);

} // namespace nezuban
