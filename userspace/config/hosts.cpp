#include "config/hosts.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>

namespace nezuban {

namespace {

constexpr std::size_t longest_name = 253; // of a host, and of one of its labels
constexpr std::size_t longest_label = 63;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

} // namespace

bool is_ipv4(std::string_view text) {
    std::size_t octets = 0;
    for (;; ++octets) {
        const auto part = text.substr(0, text.find('.'));
        unsigned value = 0;
        const bool number = !part.empty() && part.size() <= 3 && std::ranges::all_of(part, is_digit);
        if (!number || (part.size() > 1 && part.front() == '0')) return false; // to some that is octal
        std::from_chars(part.data(), part.data() + part.size(), value);
        if (value > 255) return false;
        if (part.size() == text.size()) return octets == 3;
        text.remove_prefix(part.size() + 1);
    }
}

namespace {

// One side of "::", or all of it: how many groups of 16 bits.
std::optional<std::size_t> ipv6_groups(std::string_view text, bool last) {
    if (text.empty()) return 0;
    for (std::size_t groups = 1;; ++groups) {
        const auto part = text.substr(0, text.find(':'));
        const bool end = part.size() == text.size();
        if (end && last && part.contains('.')) return is_ipv4(part) ? std::optional(groups + 1) : std::nullopt;
        if (part.empty() || part.size() > 4 || !std::ranges::all_of(part, is_hex)) return std::nullopt;
        if (end) return groups;
        text.remove_prefix(part.size() + 1);
    }
}

} // namespace

bool is_ipv6(std::string_view text) {
    constexpr std::size_t all = 8;
    const auto gap = text.find("::");
    if (gap == std::string_view::npos) return ipv6_groups(text, true) == all;
    const auto before = ipv6_groups(text.substr(0, gap), false);
    const auto after = ipv6_groups(text.substr(gap + 2), true);
    return before && after && *before + *after < all;
}

bool is_host_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > longest_name) return false;
    for (;;) {
        const auto label = text.substr(0, text.find('.'));
        const bool plain = std::ranges::all_of(label, [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        });
        if (!plain || label.empty() || label.size() > longest_label || label.front() == '-') return false;
        if (label.size() == text.size()) return true;
        text.remove_prefix(label.size() + 1);
    }
}

} // namespace nezuban
