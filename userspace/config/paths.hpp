// Paths as text: nothing here asks the file system.
#pragma once

#include <string>
#include <string_view>

namespace nezuban {

// Without empty and "." components; ".." stays, since only the file system knows what is before it.
[[nodiscard]] std::string plain_path(std::string_view path);

// path itself when absolute, else seen from the directory of the file base.
[[nodiscard]] std::string relative_to(std::string_view base, std::string_view path);

// Why the control socket can't be there; empty when it can. Beside it lie, under its name with another ending, the
// socket for signs of life and the health page, and each takes its place from whatever is there.
[[nodiscard]] std::string socket_problem(std::string_view path);

[[nodiscard]] bool is_glob(std::string_view path);

} // namespace nezuban
