// Globs as operators write them: for paths, and for names that may have a slash in them.
#pragma once

#include <string>
#include <string_view>

namespace nezuban {

enum class Slash { divides, is_plain };

// The RE2 expression for a glob: * and ? do not cross a slash that divides, ** does, [a-z] and [!a-z] are sets, \ takes
// the next character as it is. An unclosed [ stands for itself.
[[nodiscard]] std::string expression_of_glob(std::string_view glob, Slash slash = Slash::divides);

// What everything that matches begins with: "kworker/" of "kworker/*-nfsd4*".
[[nodiscard]] std::string_view literal_beginning(std::string_view glob);

} // namespace nezuban
