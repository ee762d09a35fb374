// Every process of the machine, by identity, and the rules that it belongs to.
#pragma once

#include "core/event.hpp"
#include "core/process.hpp"

#include <cstddef>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace nezuban {

class Watch;

class ProcessTable {
public:
    struct Entry {
        Process process;
        std::vector<Watch*> watches;  // that count it, in no order
        std::uint64_t generation = 0; // of the last snapshot that saw it, or that was under way when it came
        bool embryo = false;          // runs in its parent's memory until it execs: nobody's copy yet
        bool dying = false;           // a snapshot saw that its end has begun, which no event has told yet
    };

    [[nodiscard]] Entry* find(const Identity& id);
    [[nodiscard]] const Entry* find(const Identity& id) const;
    // Whoever carries that number. When an end was lost and nobody has missed it yet, there may be two: either.
    [[nodiscard]] const Entry* find_pid(std::uint32_t pid) const;
    [[nodiscard]] std::size_t size() const {
        return entries_.size();
    }

    // Adds it, or brings what is known up to date: what is null in process stays as it was.
    Entry& put(Process process);
    // A child is its parent until it execs.
    Entry& put_child(const Forked& event);
    // Forgets it. Nobody of that identity can be put back by a snapshot that is still being read.
    void remove(const Identity& id);

    // Attach, iterate, merge: between begin and end, remember who was seen and who went.
    void begin_snapshot();
    // False: it died while the snapshot was being read, and this record is older than its exit.
    [[nodiscard]] bool admits(const Identity& id) const;
    void mark_seen(Entry& entry) const {
        entry.generation = generation_;
    }
    // Who is in the table and was seen neither by the snapshot nor born during it.
    [[nodiscard]] std::vector<Identity> unseen() const;
    void end_snapshot();

    // It runs another one now: what was known of the one before says nothing.
    static void forget_program(Entry& entry);
    // Nothing in the record is new.
    [[nodiscard]] static bool agrees(const Entry& entry, const Process& record);

    void for_each(const std::function<void(Entry&)>& each);
    void for_each(const std::function<void(const Entry&)>& each) const;

private:
    std::unordered_map<Identity, Entry, IdentityHash, IdentityEqual> entries_;
    std::unordered_set<Identity, IdentityHash> gone_; // since begin_snapshot
    std::uint64_t generation_ = 0;
    bool in_snapshot_ = false;
};

} // namespace nezuban
