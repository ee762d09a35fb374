#include "app/find_commands.hpp"

#include "app/task_list.hpp"
#include "io/running_command.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

constexpr Duration patience = std::chrono::seconds(1);
constexpr std::size_t named = 5;

// /proc rounds a start down to 10 ms; whoever is compared with what the kernel programs tell needs all of it, and a
// daemon of before may have seen more of it than this one does. Who is not in the list has ended meanwhile.
Result<void> make_exact(const Features& features, std::vector<PlanMemory*>& plans) {
    auto list = TaskList::open(features);
    if (!list) return std::unexpected(list.error());
    std::vector<Identity> exact(plans.size());
    const auto read = list->read([&](const SnapshotTask& task) {
        for (std::size_t i = 0; i < plans.size(); ++i) {
            const auto& id = task.process.id;
            if (id.pid == plans[i]->command.pid && same_start(id.start_ns, plans[i]->command.start_ns)) exact[i] = id;
        }
    });
    if (!read) return read;
    for (std::size_t i = 0; i < plans.size(); ++i)
        plans[i]->command = exact[i];
    return {};
}

} // namespace

std::vector<std::string> find_commands(const Features& features, std::vector<RuleMemory>& memories) {
    std::vector<PlanMemory*> plans;
    std::vector<WantedCommand> wanted;
    for (auto& memory : memories) {
        if (!memory.plan) continue;
        const auto known = std::exchange(memory.plan->command, {});
        if (memory.plan->token.empty()) continue;
        plans.push_back(&*memory.plan);
        wanted.push_back({.token = memory.plan->token, .known = known});
    }
    if (plans.empty()) return {};

    std::vector<std::string> untold;
    const auto search = find_running_commands(wanted, patience);
    for (std::size_t i = 0; i < plans.size(); ++i) {
        plans[i]->command = search.found[i];
        plans[i]->ended = wanted[i].known.pid != 0 && search.found[i].pid == 0;
    }
    if (!search.unread.empty()) {
        const auto some = std::span(search.unread).first(std::min(named, search.unread.size()));
        untold.push_back(fmt::format(
            "a command of the last run may still be under way unseen: {} of the processes could "
            "not be looked at in time ({}{})",
            search.unread.size(), fmt::join(some, ", "), some.size() < search.unread.size() ? ", ..." : ""));
    }
    std::erase_if(plans, [](const PlanMemory* plan) { return plan->command.pid == 0; });
    if (plans.empty()) return untold;
    if (auto made = make_exact(features, plans); !made) {
        untold.push_back("commands of the last run are taken for ended: " + made.error().text);
        for (auto* plan : plans)
            plan->command = {};
    }
    return untold;
}

} // namespace nezuban
