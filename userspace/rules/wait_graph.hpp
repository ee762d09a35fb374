// Who waits for whom, across threads and processes: cycles, and where the chains end.
#pragma once

#include "rules/hang_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace nezuban {

class WaitGraph {
public:
    explicit WaitGraph(const std::map<std::uint32_t, SeenThread>& threads);

    // Proven: each thread of it waits for a lock that the next one owns, seen twice without a switch or a change in
    // between, so that all of them wait at the same time. Begins with the smallest tid; each cycle once.
    [[nodiscard]] const std::vector<std::vector<std::uint32_t>>& cycles() const {
        return cycles_;
    }
    // There is one that was just seen for the first time: it is worth another look soon.
    [[nodiscard]] bool unconfirmed() const {
        return unconfirmed_;
    }

    // Where the chain of this waiting thread ends: a thread that waits for no lock whose owner is known, or the first
    // thread of a cycle. 0: it waits for no lock whose owner is known.
    [[nodiscard]] std::uint32_t root_of(std::uint32_t tid) const;
    // Those whose chain ends there, without it and without the members of the cycle itself.
    [[nodiscard]] std::vector<std::uint32_t> waiting_for(std::uint32_t root) const;
    // Its place in cycles().
    [[nodiscard]] std::optional<std::size_t> cycle_of(std::uint32_t tid) const;
    // Of a cycle or behind one, be it proven or to be confirmed by the next look.
    [[nodiscard]] bool may_be_deadlock(std::uint32_t tid) const;
    // Owners of locks that no scan has told of yet.
    [[nodiscard]] std::vector<std::uint32_t> strangers() const;
    [[nodiscard]] bool is_owner(std::uint32_t tid) const { // of a lock that somebody waits for
        return owners_.contains(tid);
    }

private:
    [[nodiscard]] std::uint32_t next(std::uint32_t tid) const;
    void find_owners();
    void find_cycles();
    void find_roots();

    const std::map<std::uint32_t, SeenThread>& threads_;
    std::vector<std::vector<std::uint32_t>> cycles_;
    std::map<std::uint32_t, std::uint32_t> roots_;               // waiting tid -> root
    std::map<std::uint32_t, std::vector<std::uint32_t>> behind_; // ... and the other way round
    std::map<std::uint32_t, std::size_t> members_;               // tid in a cycle -> its place in cycles_
    std::set<std::uint32_t> unproven_;                           // tids of a cycle that was seen once
    std::set<std::uint32_t> owners_;
    bool unconfirmed_ = false;
};

} // namespace nezuban
