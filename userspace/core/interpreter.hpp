// Commands whose program only reads another one: ["/bin/sh", "/etc/x.sh"].
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace nezuban {

// Which item is the script, when the program is a known interpreter and its first argument that is no option is an
// absolute path. Absent as well when the text to be interpreted stands in the command itself, as behind sh -c.
[[nodiscard]] std::optional<std::size_t> script_in(std::span<const std::string> argv);

} // namespace nezuban
