#include "rules/wait_graph.hpp"

#include <algorithm>
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
    find_cycles();
    find_roots();
}

// A thread waits for one lock at a time, and that has one owner: from each thread leads at most one way.
std::uint32_t WaitGraph::next(std::uint32_t tid) const {
    const auto found = threads_.find(tid);
    if (found == threads_.end() || !found->second.last.lock || found->second.last.frozen) return 0;
    return found->second.last.lock->owner_tid;
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
            unconfirmed_ = true;
            unproven_.insert(cycle.begin(), cycle.end());
            continue;
        }
        std::ranges::rotate(cycle, std::ranges::min_element(cycle));
        for (const auto tid : cycle) {
            members_[tid] = cycle.front();
        }
        cycles_.push_back(std::move(cycle));
    }
}

void WaitGraph::find_roots() {
    for (const auto& [start, thread] : threads_) {
        std::vector<std::uint32_t> path;
        std::uint32_t at = start;
        std::uint32_t root = 0;
        while (root == 0) {
            if (const auto known = roots_.find(at); known != roots_.end()) {
                root = known->second;
            } else if (const auto member = members_.find(at); member != members_.end()) {
                root = member->second;
            } else if (next(at) == 0 || std::ranges::find(path, at) != path.end()) {
                root = at; // or a cycle that isn't confirmed: any of it will do
            } else {
                path.push_back(at);
                at = next(at);
            }
        }
        for (const auto tid : path) {
            roots_[tid] = root;
        }
    }
}

std::uint32_t WaitGraph::root_of(std::uint32_t tid) const {
    const auto found = roots_.find(tid);
    return found == roots_.end() ? 0 : found->second;
}

std::vector<std::uint32_t> WaitGraph::waiting_for(std::uint32_t root) const {
    std::vector<std::uint32_t> tids;
    for (const auto& [tid, to] : roots_) {
        if (to == root) tids.push_back(tid);
    }
    return tids;
}

bool WaitGraph::may_be_deadlock(std::uint32_t tid) const {
    const auto ends_in = [&](std::uint32_t one) { return members_.contains(one) || unproven_.contains(one); };
    return ends_in(tid) || ends_in(root_of(tid));
}

bool WaitGraph::in_cycle(std::uint32_t tid) const {
    return members_.contains(tid);
}

std::vector<std::uint32_t> WaitGraph::strangers() const {
    std::set<std::uint32_t> tids;
    for (const auto& [tid, thread] : threads_) {
        const auto owner = next(tid);
        if (owner != 0 && !threads_.contains(owner)) tids.insert(owner);
    }
    return {tids.begin(), tids.end()};
}

} // namespace nezuban
