// What the engine knows of who does not move: the scans' memory, and what each rule is told of it.
#pragma once

#include "core/finding.hpp"
#include "core/scan_wish.hpp"
#include "core/wait.hpp"
#include "rules/hang_memory.hpp"
#include "rules/hang_rules.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace nezuban {

class Watch;
struct Turn;

class Hangs {
public:
    // Judges a scan: hands every rule that it concerns, or that had findings before, what is found of its processes.
    // Returns the rules of which something has changed.
    std::vector<Watch*> take(const WaitScan& scan, const std::vector<std::unique_ptr<Watch>>& watches, Turn& turn);
    // A thread, or with tid 0 any of its process, was on a processor just now: a scan that began before is wrong about
    // it.
    void returned(const Identity& process, std::uint32_t tid, Time now);
    // Rules are going away, and with them what is due.
    void forget_dues();

    // When a scan is worth its cost before the regular one: a threshold is about to be passed, a cycle to be confirmed.
    [[nodiscard]] std::optional<Time> next_scan() const {
        return next_scan_;
    }
    [[nodiscard]] std::optional<Time> next_socket_scan() const {
        return next_socket_scan_;
    }
    // Threads that lock waits point to and no scan has told of.
    [[nodiscard]] const std::vector<std::uint32_t>& strangers() const {
        return strangers_;
    }

    // To be told of whatever they do.
    [[nodiscard]] std::vector<std::uint32_t> suspects() const;

private:
    struct Portion; // of a scan, for one rule
    struct Return {
        Identity process;
        std::uint32_t tid = 0;
        Time at;
    };

    void ask_for_owners(const WaitGraph& graph);

    HangMemory memory_;
    std::vector<Return> returns_; // since the last scan came in
    std::optional<Time> next_scan_;
    std::optional<Time> next_socket_scan_;
    std::vector<std::uint32_t> strangers_;
    std::set<Identity> suspects_; // asked for in the scan to come
};

} // namespace nezuban
