// `nezuban doctor`: what this kernel offers, what we cost here, and what should be mended.
#pragma once

#include "core/time.hpp"
#include "probe/features.hpp"

#include <chrono>
#include <iosfwd>
#include <string>

namespace nezuban {

struct DoctorOptions {
    bool json = false;
    Duration hold = std::chrono::seconds(2); // how long to measure
    std::string config;                      // for the ring's size and how often hangs are looked for; may be missing
    std::string socket;                      // of a daemon that may run
    Without without;                         // features of the kernel
};

// Returns the exit code: 0 all well, 1 something should be mended, 4 it can't run here.
int run_doctor(const DoctorOptions& options, std::ostream& out, std::ostream& err);

} // namespace nezuban
