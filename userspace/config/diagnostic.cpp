#include "config/diagnostic.hpp"

#include "core/words.hpp"

#include <fmt/format.h>

namespace nezuban {

std::string render(const Diagnostic& diagnostic) {
    const auto* level = diagnostic.level == Diagnostic::Level::error ? "error" : "warning";
    auto line = fmt::format("{}:{}:{}: {}: {}", printable(diagnostic.file), diagnostic.line, diagnostic.column, level,
                            printable(diagnostic.text));
    if (!diagnostic.hint.empty()) line += fmt::format(" (hint: {})", printable(diagnostic.hint));
    return line;
}

} // namespace nezuban
