// `nezuban match`: whom each rule counts right now, and why.
#pragma once

#include "probe/features.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace nezuban {

struct MatchOptions {
    std::string config;
    std::vector<std::string> rules; // none: all
    bool json = false;
    Without without; // features of the kernel
};

// Returns the exit code.
int run_match(const MatchOptions& options, std::ostream& out, std::ostream& err);

} // namespace nezuban
