// Every key there is, once: how it is read, and what the reference says about it. Unknown keys, hints, parsing and the
// test of the documentation all go by these tables.
#pragma once

#include "config/field.hpp"
#include "core/spec.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

template <typename Target> struct Key {
    std::string_view path;     // within its section: "count.max"
    std::string_view kind;     // "duration"
    std::string_view fallback; // as it would be written; empty: there is none
    std::string_view help;     // one line
    void (*read)(const Field& field, Target& target);
};

[[nodiscard]] std::span<const Key<DaemonSpec>> daemon_keys();
[[nodiscard]] std::span<const Key<RuleSpec>> rule_keys();
[[nodiscard]] std::span<const Key<GroupSpec>> group_keys();

// Of the top level: include, daemon, defaults, process, group.
[[nodiscard]] std::span<const std::string_view> section_names();

// The same for people: the sections "daemon", "process" and "group", in the order of the reference.
struct KeyText {
    std::string_view section;
    std::string_view path;
    std::string_view kind;
    std::string_view fallback;
    std::string_view help;
};
[[nodiscard]] std::vector<KeyText> schema();

} // namespace nezuban
