#include "io/users.hpp"

#include "core/number.hpp"

#include <cerrno>
#include <vector>

#include <grp.h>
#include <pwd.h>

namespace nezuban {

namespace {

constexpr std::size_t entry_limit = 1U << 20U; // groups of directory services can have thousands of members

// Calls one of the getXXnam_r family with a buffer that is large enough. True: found.
template <typename Entry, typename Key>
bool look_up(int (*get)(Key, Entry*, char*, std::size_t, Entry**), Key key, Entry& entry, std::vector<char>& buffer) {
    for (buffer.resize(1024); buffer.size() <= entry_limit; buffer.resize(buffer.size() * 4)) {
        Entry* found = nullptr;
        int outcome = get(key, &entry, buffer.data(), buffer.size(), &found);
        if (outcome == EINTR) continue;
        if (outcome != ERANGE) return found != nullptr;
    }
    return false;
}

std::optional<std::uint32_t> id_in(const std::string& text) {
    const auto number = number_in<std::uint32_t>(text);
    return number == static_cast<std::uint32_t>(-1) ? std::nullopt : number; // the system's "none"
}

} // namespace

std::optional<std::uint32_t> user_id(const std::string& name_or_number) {
    passwd entry{};
    std::vector<char> buffer;
    if (look_up(::getpwnam_r, name_or_number.c_str(), entry, buffer)) return entry.pw_uid;
    return id_in(name_or_number);
}

std::optional<std::uint32_t> group_id(const std::string& name_or_number) {
    group entry{};
    std::vector<char> buffer;
    if (look_up(::getgrnam_r, name_or_number.c_str(), entry, buffer)) return entry.gr_gid;
    return id_in(name_or_number);
}

std::string user_name(std::uint32_t uid) {
    passwd entry{};
    std::vector<char> buffer;
    if (look_up(::getpwuid_r, static_cast<uid_t>(uid), entry, buffer)) return entry.pw_name;
    return std::to_string(uid);
}

const std::string& UserNames::of(std::uint32_t uid) {
    auto [at, fresh] = known_.try_emplace(uid);
    if (fresh) at->second = user_name(uid);
    return at->second;
}

} // namespace nezuban
