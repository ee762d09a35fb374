// Globs as operators write them for paths.
#pragma once

#include <string>
#include <string_view>

namespace nezuban {

// The RE2 expression for a glob: * and ? do not cross a slash, ** does, [a-z] and [!a-z] are sets, \ takes the next
// character as it is. An unclosed [ stands for itself.
[[nodiscard]] std::string expression_of_glob(std::string_view glob);

} // namespace nezuban
