// What is read and executed in root's name, and could be altered by others.
#pragma once

#include "config/draft.hpp"
#include "config/includes.hpp"

#include <span>
#include <string_view>
#include <utility>

namespace nezuban {

// Every key that names a command.
struct CommandKey {
    std::string_view path;
    const Argv& (*of)(const RuleSpec& rule);
};
[[nodiscard]] std::span<const CommandKey> command_keys();

// Of the main file there is always a complaint: whoever alters it would alter script_security as well.
void check_alterable(std::span<const Files::Trusted> files, std::span<const RuleDraft> rules, ScriptSecurity security,
                     const Sources& sources, Complaints& complaints);

} // namespace nezuban
