// What is wrong with a configuration, and where.
#pragma once

#include <string>

namespace nezuban {

struct Diagnostic {
    enum class Level { error, warning };

    Level level = Level::error;
    std::string file;
    unsigned line = 1; // both count from 1; columns are characters, not bytes
    unsigned column = 1;
    std::string text;
    std::string hint; // how to mend it; may be empty

    friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

// "file:line:col: error: ... (hint: ...)". One line whatever the file contains: control characters are escaped.
[[nodiscard]] std::string render(const Diagnostic& diagnostic);

} // namespace nezuban
