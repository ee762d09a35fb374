// A proven cycle: each thread waits, without a time limit, for a lock that the next one owns.
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

std::string link(const ThreadWait& wait) {
    if (wait.lock->kind == LockKind::join)
        return fmt::format("tid {} ({}) waits for the end of tid {}", wait.thread.tid, wait.comm, wait.lock->owner_tid);
    return fmt::format("tid {} ({}) waits for {} {:#x} held by tid {}", wait.thread.tid, wait.comm,
                       name_of(wait.lock->kind), wait.lock->address, wait.lock->owner_tid);
}

Facts as_facts(const ThreadWait& wait) {
    Facts facts{{"tid", wait.thread.tid},
                {"pid", wait.process.pid},
                {"comm", wait.comm},
                {"kind", std::string(name_of(wait.lock->kind))},
                {"lock", fmt::format("{:#x}", wait.lock->address)},
                {"owner_tid", wait.lock->owner_tid}};
    if (!wait.kernel_stack.empty()) facts.emplace_back("kernel_stack", wait.kernel_stack);
    return facts;
}

} // namespace

void find_deadlocks(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.deadlock) return;
    std::map<std::size_t, std::set<const SeenThread*>> of_cycles; // the rule's threads in each
    for (const auto* seen : scene.threads) {
        if (const auto cycle = scene.graph.cycle_of(seen->last.thread.tid)) of_cycles[*cycle].insert(seen);
    }
    for (const auto& [place, own] : of_cycles) {
        const auto& cycle = scene.graph.cycles()[place];
        std::vector<const SeenThread*> members;
        members.reserve(cycle.size());
        for (const auto tid : cycle) {
            members.push_back(scene.memory.thread(tid));
        }
        // Told of the rule's own process in it.
        const auto ours = std::ranges::find_if(members, [&](const auto* member) { return own.contains(member); });
        if (ours == members.end()) continue;
        // It closed with the last of its waits.
        const auto since = (*std::ranges::max_element(members, {}, &SeenThread::since))->since;
        std::vector<std::string> links;
        std::vector<Facts> facts;
        std::string key = "deadlock";
        for (const auto* member : members) {
            links.push_back(link(member->last));
            facts.push_back(as_facts(member->last));
            key += fmt::format(" {}:{}", member->last.thread.tid, member->last.switches());
        }
        Finding finding{.kind = HangKind::deadlock,
                        .process = (*ours)->last.process,
                        .tid = (*ours)->last.thread.tid,
                        .thread_start_ns = (*ours)->last.thread.start_ns,
                        .since = since,
                        .reason = fmt::format("deadlock for {}: {}", tell(scene.memory.lasting(since, scene.now)),
                                              fmt::join(links, "; ")),
                        .evidence = {{"cycle", std::move(facts)}},
                        .key = std::move(key)};
        const auto waiting = scene.graph.waiting_for(cycle.front());
        if (!waiting.empty()) {
            finding.reason += fmt::format("; {} more {} behind them", waiting.size(),
                                          waiting.size() == 1 ? "thread waits" : "threads wait");
            finding.evidence.emplace_back("waiting", static_cast<std::int64_t>(waiting.size()));
        }
        out.found.push_back(std::move(finding));
    }
}

} // namespace nezuban
