// Users and groups by name. These may ask a directory service over the network: not for the loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace nezuban {

// A name, or else a number. Absent: this machine knows no such user or group.
[[nodiscard]] std::optional<std::uint32_t> user_id(const std::string& name_or_number);
[[nodiscard]] std::optional<std::uint32_t> group_id(const std::string& name_or_number);

// For display; the number where there is no name.
[[nodiscard]] std::string user_name(std::uint32_t uid);

// The same, asking only once for each: for lists of thousands of processes.
class UserNames {
public:
    [[nodiscard]] const std::string& of(std::uint32_t uid);

private:
    std::unordered_map<std::uint32_t, std::string> known_;
};

} // namespace nezuban
