// `nezuban run`: the daemon, from its start to its exit code.
#pragma once

#include "probe/features.hpp"

#include <optional>
#include <string>

namespace nezuban {

struct RunOptions {
    std::string config;
    std::optional<std::string> socket; // instead of daemon.socket
    Without without;                   // features of the kernel
};

// Returns the exit code.
int run_daemon(const RunOptions& options);

} // namespace nezuban
