#include "rules/wait_graph.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

namespace nezuban {

namespace {

// A wait with a time limit ends by itself: no deadlock, however long the circle. Of every futex operation that waits,
// the fourth argument is the limit.
bool forever(const ThreadWait& wait) {
    return wait.syscall && wait.syscall->args[3] == 0;
}

} // namespace

WaitGraph::WaitGraph(const std::map<std::uint32_t, SeenThread>& threads) : threads_(threads) {
    find_owners();
    find_cycles();
    find_roots();
}

// A thread waits for one lock at a time, and that has one owner: from each thread leads at most one way.
std::uint32_t WaitGraph::next(std::uint32_t tid) const {
    const auto found = threads_.find(tid);
    if (found == threads_.end() || !found->second.last.lock || found->second.last.frozen || found->second.missed)
        return 0;
    return found->second.last.lock->owner_tid;
}

void WaitGraph::find_owners() {
    for (const auto& [tid, thread] : threads_) {
        if (const auto owner = next(tid); owner != 0) owners_.insert(owner);
    }
}

void WaitGraph::find_cycles() {
    std::set<std::uint32_t> done;
    for (const auto& [start, thread] : threads_) {
        std::vector<std::uint32_t> path;
        std::uint32_t at = start;
        while (at != 0 && done.insert(at).second) {
            path.push_back(at);
            at = next(at);
        }
        const auto closed = std::ranges::find(path, at);
        if (at == 0 || closed == path.end()) continue; // it leads nowhere, or into what was walked before
        std::vector<std::uint32_t> cycle(closed, path.end());
        if (!std::ranges::all_of(cycle, [&](std::uint32_t tid) { return forever(threads_.at(tid).last); })) continue;
        if (!std::ranges::all_of(cycle, [&](std::uint32_t tid) { return threads_.at(tid).lock_scans >= 2; })) {
            // Whom nobody can look into just now is not looked into any sooner.
            unconfirmed_ = unconfirmed_ || std::ranges::all_of(cycle, [&](std::uint32_t tid) {
                               return threads_.at(tid).looked_into;
                           });
            unproven_.insert(cycle.begin(), cycle.end());
            continue;
        }
        std::ranges::rotate(cycle, std::ranges::min_element(cycle));
        for (const auto tid : cycle) {
            members_[tid] = cycles_.size();
        }
        cycles_.push_back(std::move(cycle));
    }
}

void WaitGraph::find_roots() {
    for (const auto& [start, thread] : threads_) {
        std::set<std::uint32_t> path; // may be as long as there are threads
        std::uint32_t at = start;
        std::optional<std::uint32_t> root; // 0, too: a record may tell of a thread of that number
        while (!root) {
            if (const auto known = roots_.find(at); known != roots_.end()) {
                root = known->second;
            } else if (const auto member = members_.find(at); member != members_.end()) {
                root = cycles_[member->second].front();
            } else if (next(at) == 0 || !path.insert(at).second) {
                root = at; // or a cycle that isn't confirmed: any of it will do
            } else {
                at = next(at);
            }
        }
        for (const auto tid : path) {
            if (roots_.emplace(tid, *root).second) behind_[*root].push_back(tid);
        }
    }
}

std::uint32_t WaitGraph::root_of(std::uint32_t tid) const {
    const auto found = roots_.find(tid);
    return found == roots_.end() ? 0 : found->second;
}

std::vector<std::uint32_t> WaitGraph::waiting_for(std::uint32_t root) const {
    const auto found = behind_.find(root);
    if (found == behind_.end()) return {};
    auto tids = found->second;
    std::ranges::sort(tids);
    return tids;
}

bool WaitGraph::may_be_deadlock(std::uint32_t tid) const {
    const auto ends_in = [&](std::uint32_t one) { return members_.contains(one) || unproven_.contains(one); };
    return ends_in(tid) || ends_in(root_of(tid));
}

std::optional<std::size_t> WaitGraph::cycle_of(std::uint32_t tid) const {
    const auto found = members_.find(tid);
    return found == members_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::uint32_t> WaitGraph::strangers() const {
    std::vector<std::uint32_t> tids;
    std::ranges::copy_if(owners_, std::back_inserter(tids),
                         [&](std::uint32_t owner) { return !threads_.contains(owner); });
    return tids;
}

} // namespace nezuban
