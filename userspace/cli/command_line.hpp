// The verbs and options, what they are called and what --help says of them.
#pragma once

#include "cli/options.hpp"

#include <iosfwd>
#include <memory>
#include <optional>

namespace CLI {
class App;
}

namespace nezuban {

// Parsing with it fills in options, which must outlive it.
[[nodiscard]] std::shared_ptr<CLI::App> make_command_line(Options& options);

// Absent: options says what to do. Else the exit code: help or the version were asked for, or the usage was wrong.
[[nodiscard]] std::optional<int> parse_command_line(int argc, const char* const* argv, Options& options,
                                                    std::ostream& out, std::ostream& err);

} // namespace nezuban
