#include "engine/hangs.hpp"

#include "engine/process_table.hpp"
#include "engine/watch.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nezuban {

namespace {

// Two looks at a cycle so far apart prove that nobody in it moved.
constexpr Duration confirmation = 200ms;

} // namespace

struct Hangs::Portion {
    std::vector<const SeenThread*> threads;
    std::vector<HangScene::Socket> sockets;
    std::vector<const Silence*> silences;
};

std::vector<Watch*> Hangs::take(const WaitScan& scan, const std::vector<std::unique_ptr<Watch>>& watches, Turn& turn) {
    const auto now = turn.now;
    if (scan.paused) memory_.gap(scan.paused->first, scan.paused->second);
    memory_.take(scan, now);
    std::set<Identity> awake;
    for (const auto& [process, tid, at] : std::exchange(returns_, {})) {
        if (at < scan.began) continue;
        memory_.forget(process, tid);
        if (tid == 0) awake.insert(process);
    }
    const WaitGraph graph(memory_.threads());
    ask_for_owners(graph);

    std::map<Watch*, Portion> portions;
    const auto each_watch = [&](const Identity& process, const auto& give) {
        const auto* entry = turn.desk.table.find(process);
        if (entry == nullptr) return;
        for (auto* watch : entry->watches) {
            give(portions[watch]);
        }
    };
    Watch::Look look;
    if (scan.complete) look.seen = std::exchange(suspects_, {});
    for (const auto& [tid, thread] : memory_.threads()) {
        if (thread.missed) continue;
        look.seen.insert(thread.last.process);
        if (thread.last.state == ThreadState::traced) look.debugged.insert(thread.last.process);
        if (thread.last.frozen) look.frozen.insert(thread.last.process);
        each_watch(thread.last.process, [&](Portion& portion) { portion.threads.push_back(&thread); });
    }
    for (const auto& [key, socket] : memory_.sockets()) {
        if (!scan.sockets_seen || !scan.complete)
            break; // what is remembered of a queue is no evidence that it still stands
        // Of each rule the first holder: one socket is one finding, however many share it.
        for (const auto& holder : socket.holders) {
            each_watch(holder.owner, [&](Portion& portion) {
                if (portion.sockets.empty() || portion.sockets.back().seen != &socket)
                    portion.sockets.push_back({.seen = &socket, .held = &holder});
            });
        }
    }
    for (const auto& silence : scan.silences) {
        if (awake.contains(silence.process)) continue;
        each_watch(silence.process, [&](Portion& portion) { portion.silences.push_back(&silence); });
    }

    std::vector<Watch*> concerned;
    next_scan_.reset();
    // When it was due and they could not be looked at, the regular look has to do.
    if (scan.sockets_seen || (next_socket_scan_ && *next_socket_scan_ <= now)) next_socket_scan_.reset();
    if (graph.unconfirmed()) next_scan_ = now + confirmation;
    for (const auto& each : watches) { // in their order: a replay tells the same
        auto* watch = each.get();
        const auto concerns = portions.find(watch);
        const bool before = watch->hung();
        if (concerns == portions.end() && !before && !watch->spec().hang.heartbeat) continue;
        auto portion = concerns == portions.end() ? Portion{} : std::move(concerns->second);
        auto hangs = find_hangs({.spec = watch->spec().hang,
                                 .memory = memory_,
                                 .graph = graph,
                                 .now = now,
                                 .threads = std::move(portion.threads),
                                 .sockets = std::move(portion.sockets),
                                 .silences = std::move(portion.silences)});
        if (hangs.due) earlier(next_scan_, *hangs.due);
        if (hangs.sockets_due) earlier(next_socket_scan_, *hangs.sockets_due);
        for (const auto* spinner : hangs.spinners) {
            turn.out.emplace_back(CountSyscalls{.process = spinner->last.process, .thread = spinner->last.thread});
        }
        if (const auto due = watch->take_findings(std::move(hangs.found), scan, look, turn)) earlier(next_scan_, *due);
        if (before || watch->hung()) concerned.push_back(watch);
    }
    const bool soon = std::ranges::any_of(look.doubtful, [&](const Identity& id) { return !look.seen.contains(id); });
    if (soon && scan.complete) next_scan_ = now;
    suspects_.merge(look.doubtful);
    return concerned;
}

// Who holds a lock is told only when asked for, so he is asked for as long as somebody waits for it.
void Hangs::ask_for_owners(const WaitGraph& graph) {
    std::erase_if(strangers_, [&](std::uint32_t tid) { return !graph.is_owner(tid); });
    std::ranges::copy(graph.strangers(), std::back_inserter(strangers_));
    std::ranges::sort(strangers_);
    const auto twice = std::ranges::unique(strangers_);
    strangers_.erase(twice.begin(), twice.end());
}

std::vector<std::uint32_t> Hangs::suspects() const {
    std::vector<std::uint32_t> pids;
    std::ranges::transform(suspects_, std::back_inserter(pids), &Identity::pid);
    return pids;
}

void Hangs::returned(const Identity& process, std::uint32_t tid, Time now) {
    returns_.push_back({.process = process, .tid = tid, .at = now});
}

void Hangs::forget_dues() {
    next_scan_.reset();
    next_socket_scan_.reset();
}

} // namespace nezuban
