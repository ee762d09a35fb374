// `nezuban record`: the event stream into a file, for `nezuban replay`.
#pragma once

#include "core/time.hpp"

#include <iosfwd>
#include <optional>
#include <string>

namespace nezuban {

struct RecordOptions {
    std::string file;
    std::optional<Duration> hold; // absent: until SIGINT or SIGTERM
};

// Returns the exit code.
int run_record(const RecordOptions& options, std::ostream& err);

} // namespace nezuban
