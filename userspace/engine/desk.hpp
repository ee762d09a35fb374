// What all rules share, and one call into the engine.
#pragma once

#include "core/identity.hpp"
#include "core/intent.hpp"
#include "core/time.hpp"
#include "engine/kinship.hpp"
#include "engine/process_table.hpp"
#include "rules/budget.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace nezuban {

// One of it, owned by the engine.
struct Desk {
    ProcessTable table;
    Dice dice;
    CommandId next_command = 1;
    std::set<std::uint32_t> own_pids;
    struct Command {
        std::uint32_t pid = 0; // of its first process
        bool is_service = false;
    };
    std::map<CommandId, Command> commands;          // that run
    std::string mark;                               // of this daemon's commands: see Watch::next_token
    std::unordered_map<CommandId, Watch*> restarts; // which rule waits for this command
    std::map<Identity, Watch*> orphans;             // ... for one that the daemon before us began
    Kinship kin;
    std::vector<Watch*> woken; // to be judged in this turn, because another rule's restart concerns them

    // Of a command of ours, which is no service. Its exec may be told before its start is: then it is a child of ours
    // of which nothing was heard yet.
    [[nodiscard]] bool is_command(const Process& process) const {
        const auto known =
            std::ranges::find(commands, process.id.pid, [](const auto& pair) { return pair.second.pid; });
        if (known != commands.end()) return !known->second.is_service;
        return own_pids.contains(process.ppid) || orphans.contains(process.id);
    }
};

// One call: what time it is, and where what comes of it goes.
struct Turn {
    Desk& desk;
    Time now;
    Intents& out;
};

} // namespace nezuban
