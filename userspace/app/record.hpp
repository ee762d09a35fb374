// `nezuban record`: the event stream into a file, for `nezuban replay`.
#pragma once

#include "core/time.hpp"
#include "probe/features.hpp"

#include <iosfwd>
#include <optional>
#include <string>

namespace nezuban {

struct RecordOptions {
    std::string file;
    std::optional<Duration> hold; // absent: until SIGINT or SIGTERM
    Without without;              // features of the kernel
};

// Returns the exit code.
int run_record(const RecordOptions& options, std::ostream& err);

} // namespace nezuban
