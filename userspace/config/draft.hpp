// A section under way to a value: what was set, where, and whether it can be believed.
#pragma once

#include "config/complaints.hpp"
#include "core/spec.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

struct Setting {
    Place key;
    Place value;
    std::vector<Place> items; // of an array
    bool own = true;          // false: inherited from [defaults]
    bool broken = false;      // already complained about: no further conclusions
};

// By the path that the schema gives the key.
using Settings = std::map<std::string_view, Setting>;

template <typename Target> struct Draft {
    Target value;
    Place place; // of its header
    Settings settings;
    // Tables in which something was complained about ("match"): what seems to be missing there may just be mistyped.
    std::set<std::string, std::less<>> doubtful;

    [[nodiscard]] const Setting* find(std::string_view path) const {
        const auto found = settings.find(path);
        return found == settings.end() ? nullptr : &found->second;
    }
    [[nodiscard]] bool broken(std::string_view path) const {
        const auto* setting = find(path);
        return setting != nullptr && setting->broken;
    }
    [[nodiscard]] bool own(std::string_view path) const {
        const auto* setting = find(path);
        return setting != nullptr && setting->own;
    }
    // Said in good faith by the section itself.
    [[nodiscard]] bool meant(std::string_view path) const {
        return own(path) && !broken(path);
    }
    // Where to complain about this key: at its value, else at the header.
    [[nodiscard]] Place at(std::string_view path) const {
        const auto* setting = find(path);
        return setting == nullptr ? place : setting->value;
    }
};

using RuleDraft = Draft<RuleSpec>;
using GroupDraft = Draft<GroupSpec>;
using DaemonDraft = Draft<DaemonSpec>;

} // namespace nezuban
