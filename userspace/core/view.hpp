// What can be asked of a running daemon: the answer to `status`, as values. control/ and report/ render it.
#pragma once

#include "core/finding.hpp"
#include "core/identity.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

enum class RuleState { ok, pending, under, over, hung, restarting, exhausted, paused };

[[nodiscard]] constexpr std::string_view name_of(RuleState state) {
    switch (state) {
    case RuleState::ok: return "ok";
    case RuleState::pending: return "pending";
    case RuleState::under: return "under";
    case RuleState::over: return "over";
    case RuleState::hung: return "hung";
    case RuleState::restarting: return "restarting";
    case RuleState::exhausted: return "exhausted";
    case RuleState::paused: return "paused";
    }
    return "";
}

// What an answer needs: `health` asks for no pids, of which there may be 20,000.
enum class Detail { everything, health };

struct BucketView { // one value of count.per
    std::string value;
    std::uint32_t count = 0;
};

struct RuleView {
    std::string name;
    RuleState state = RuleState::pending;
    std::uint32_t count = 0;
    std::uint32_t min = 0;
    std::optional<std::uint32_t> max;
    std::vector<std::uint32_t> pids;      // oldest first, at most 1,000: count tells the whole number
    std::vector<BucketView> out_of_range; // with count.per: the values beyond their limits, at most 100
    std::uint32_t attempts_used = 0;
    std::uint32_t attempts = 0;
    std::optional<Time> next_at; // of the next restart, while one waits
    std::optional<Time> paused_until;
    std::string reason; // why it isn't ok: one sentence
    // Out of range and no restart can or will mend it any more: what the cluster has to know.
    bool failed = false;
    // A restart is waiting, under way or settling.
    bool mending = false;
    std::vector<std::string> waits_for; // rules that its restart waits for
    std::vector<Finding> findings;      // under way, oldest first
    std::uint64_t stopped_excess = 0;   // ended by stop-newest since the daemon started
};

struct GroupView {
    std::string name;
    RuleState state = RuleState::pending;
    std::vector<std::string> members;
    // What fell first, as long as anything of it isn't mended; empty: nothing did.
    std::string root_cause;
    std::string reason;                    // how it fell
    std::optional<Time> since;             // when
    std::vector<std::string> consequences; // what fell or was restarted because of it, in this order
    std::uint32_t attempts_used = 0;
    std::optional<std::uint32_t> attempts; // of all members together
};

struct EngineView {
    std::vector<RuleView> rules;
    std::vector<GroupView> groups;
    std::uint64_t processes = 0; // in the table
    std::uint64_t events_received = 0;
    std::uint64_t events_lost = 0;
    std::uint64_t resyncs = 0; // after a loss; the regular comparison isn't counted
};

} // namespace nezuban
