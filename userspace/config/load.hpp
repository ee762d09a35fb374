// A configuration and its drop-ins as values, with everything that is wrong with them.
#pragma once

#include "config/diagnostic.hpp"
#include "core/result.hpp"
#include "core/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

// What the outside lends; all four must be callable.
struct Sources {
    std::function<Result<std::string>(const std::string& path)> read;                // the whole file
    std::function<Result<std::vector<std::string>>(const std::string& glob)> expand; // sorted; none is no error
    std::function<std::optional<std::uint32_t>(const std::string&)> user;            // name -> id
    std::function<std::optional<std::uint32_t>(const std::string&)> group;
};

struct Loaded {
    Spec spec; // to be used only when ok()
    std::vector<Diagnostic> diagnostics;
    bool main_file_read = false; // else nothing of it is known, not even [daemon]; the first diagnostic says why

    [[nodiscard]] bool ok() const; // no errors; there may be warnings
};

// A longer file is refused unparsed.
constexpr std::size_t longest_configuration = std::size_t{1} << 20U;

// Never throws for what a file contains, however hostile.
[[nodiscard]] Loaded load(const std::string& path, const Sources& sources);

} // namespace nezuban
