// What may stand for a host. By hand, because nothing here asks the system.
#pragma once

#include <string_view>

namespace nezuban {

[[nodiscard]] bool is_ipv4(std::string_view text);
[[nodiscard]] bool is_ipv6(std::string_view text); // without brackets and zone
[[nodiscard]] bool is_host_name(std::string_view text);

} // namespace nezuban
