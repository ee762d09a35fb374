// `nezuban explain`: why a process is or isn't moving.
#pragma once

#include "probe/features.hpp"

#include <iosfwd>
#include <string>

namespace nezuban {

struct ExplainOptions {
    std::string config;
    std::string socket; // of a daemon that may be there: it remembers for longer
    std::string target; // a process, a thread of one, or a rule
    bool json = false;
    bool stacks = false; // kernel stacks of all threads
    Without without;     // features of the kernel
};

// Returns the exit code: 0 explained, whatever the verdict; 1 gone, or nobody of that name.
int run_explain(const ExplainOptions& options, std::ostream& out, std::ostream& err);

} // namespace nezuban
