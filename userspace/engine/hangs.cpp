#include "engine/hangs.hpp"

#include "engine/process_table.hpp"
#include "engine/watch.hpp"

#include <algorithm>

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
    const WaitGraph graph(memory_.threads());
    strangers_ = graph.strangers();

    std::map<Watch*, Portion> portions;
    const auto each_watch = [&](const Identity& process, const auto& give) {
        const auto* entry = turn.desk.table.find(process);
        if (entry == nullptr) return;
        for (auto* watch : entry->watches) {
            give(portions[watch]);
        }
    };
    for (const auto& [tid, thread] : memory_.threads()) {
        each_watch(thread.last.process, [&](Portion& portion) { portion.threads.push_back(&thread); });
    }
    for (const auto& [key, socket] : memory_.sockets()) {
        if (!scan.sockets_seen) break; // what is remembered of a queue is no evidence that it still stands
        // Of each rule the first holder: one socket is one finding, however many share it.
        for (const auto& holder : socket.holders) {
            each_watch(holder.owner, [&](Portion& portion) {
                if (portion.sockets.empty() || portion.sockets.back().seen != &socket)
                    portion.sockets.push_back({.seen = &socket, .held = &holder});
            });
        }
    }
    for (const auto& silence : scan.silences) {
        each_watch(silence.process, [&](Portion& portion) { portion.silences.push_back(&silence); });
    }
    for (auto* watch : hung_) {
        portions[watch];
    }
    for (const auto& watch : watches) {
        if (watch->spec().hang.heartbeat) portions[watch.get()];
    }

    std::vector<Watch*> concerned;
    next_scan_.reset();
    if (scan.sockets_seen) next_socket_scan_.reset();
    if (graph.unconfirmed()) next_scan_ = now + confirmation;
    for (auto& [watch, portion] : portions) {
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
        const bool before = hung_.contains(watch);
        if (const auto due = watch->take_findings(std::move(hangs.found), scan, turn)) earlier(next_scan_, *due);
        if (watch->hung())
            hung_.insert(watch);
        else
            hung_.erase(watch);
        if (before || watch->hung()) concerned.push_back(watch);
    }
    return concerned;
}

void Hangs::forget(const Watch* watch) {
    std::erase_if(hung_, [&](const Watch* other) { return other == watch; });
}

} // namespace nezuban
