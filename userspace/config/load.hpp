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

// Somebody besides root and ourselves could alter what is read or executed.
struct Alterable {
    std::string how;      // "/opt belongs to uid 1000"
    std::string mend;     // "chown root /opt"
    bool unknown = false; // or nobody can tell: how says why
};

struct Questioned {
    std::string path;
    bool program = false; // a name without a slash is looked for in PATH

    friend auto operator<=>(const Questioned&, const Questioned&) = default;
};

// What the outside lends; the first four must be callable.
struct Sources {
    std::function<Result<std::string>(const std::string& path)> read;                // the whole file
    std::function<Result<std::vector<std::string>>(const std::string& glob)> expand; // sorted; none is no error
    std::function<std::optional<std::uint32_t>(const std::string&)> user;            // name -> id
    std::function<std::optional<std::uint32_t>(const std::string&)> group;
    // Asked once, for all there is; an answer for each, in their order. Without it nobody looks.
    std::function<std::vector<std::optional<Alterable>>(const std::vector<Questioned>&)> alterable = {};
    bool refuses = false; // what could be altered is an error: what is read and executed here is root's
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
