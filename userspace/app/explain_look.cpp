#include "app/explain_look.hpp"

#include "app/complete.hpp"
#include "app/examiner_wire.hpp"
#include "app/wait_source.hpp"
#include "core/scan_wish.hpp"
#include "core/spec.hpp"
#include "io/clock.hpp"
#include "io/errand.hpp"
#include "io/proc_threads.hpp"
#include "io/syscall_names.hpp"
#include "report/wire.hpp"
#include "rules/wait_graph.hpp"

#include <algorithm>
#include <thread>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace nezuban {

namespace {

// Long enough for whoever has anything to do to get a processor, on a busy host too.
constexpr Duration between_looks = 60ms;
// Memory that is there is read in microseconds; that of a dead disk never.
constexpr Duration patience = 250ms;
// Of a socket that half the host has inherited, not everybody need be looked at.
constexpr std::size_t most_holders = 64;

using Pids = std::unordered_set<std::uint32_t>;

struct Look {
    WaitScan scan;
    Time now;
};

void name_syscall(ThreadWait& wait) {
    if (wait.syscall) wait.syscall->name = syscall_name(wait.syscall->number, wait.syscall->compat);
}

// Asked for, and not told: gone, or hidden.
void add_hidden(const std::vector<std::uint32_t>& pids, WaitScan& scan, std::set<std::uint32_t>& hidden) {
    Pids told;
    for (const auto& wait : scan.threads)
        told.insert(wait.process.pid);
    for (const auto pid : pids) {
        if (told.contains(pid)) continue;
        for (auto& wait : read_threads(pid)) {
            scan.threads.push_back(std::move(wait));
            hidden.insert(pid);
        }
    }
}

Result<Look> look(WaitSource& waits, const ScanWish& wish, KernelStacks& stacks) {
    Look seen;
    seen.scan.began = monotonic_now();
    if (auto begun = waits.begin_threads(wish); !begun) return std::unexpected(begun.error());
    for (bool more = true; more;) {
        auto read = waits.read_threads([&](ThreadWait wait) {
            name_syscall(wait);
            seen.scan.threads.push_back(std::move(wait));
        });
        if (!read) return std::unexpected(read.error());
        more = *read;
    }
    seen.now = monotonic_now();
    for (auto& wait : seen.scan.threads)
        stacks.name(wait.kernel_stack);
    auto* sockets = waits.sockets();
    if (sockets == nullptr || !sockets->begin_sockets()) return seen; // this kernel can't: the threads are worth it
    for (bool more = true; more;) {
        auto read = sockets->read_sockets([&](SocketQueue queue) { seen.scan.sockets.push_back(std::move(queue)); });
        if (!read) return std::unexpected(read.error());
        more = *read;
    }
    seen.scan.sockets_seen = true;
    return seen;
}

// In a child: first those that were asked for, so that nobody else's dead disk stands between us and them.
Result<Errand> send_examiner(const WaitScan& scan, const Pids& ours, const std::set<std::uint32_t>& not_these,
                             StackDevices& devices) {
    return Errand::send([&](const Errand::Say& say) {
        for (const bool own : {true, false}) {
            std::vector<Question> questions;
            for (std::uint32_t i = 0; i < scan.threads.size(); ++i) {
                const auto& wait = scan.threads[i];
                if (ours.contains(wait.process.pid) == own && !not_these.contains(wait.process.pid)
                    && worth_a_look(wait))
                    questions.push_back({.index = i, .thread = wait});
            }
            examine(std::move(questions),
                    {.before = [&](std::uint32_t pid) { say(examiner_wire::encode(pid, examiner_wire::Go{})); },
                     .found = [&](Answer answer) { say(examiner_wire::encode(0, std::move(answer))); },
                     .devices = &devices});
        }
    });
}

// What came back, put into the scan. Who was being looked at when time ran out is remembered.
void take_answers(Errand& examiner, Time deadline, WaitScan& scan, std::set<std::uint32_t>& unreadable) {
    const auto brought = examiner.wait(deadline);
    wire::Frames frames;
    frames.add(brought.text);
    std::uint32_t at = 0;
    while (const auto frame = frames.next()) {
        auto message = examiner_wire::decode(*frame);
        if (!message) break;
        if (std::holds_alternative<examiner_wire::Go>(message->part)) at = static_cast<std::uint32_t>(message->round);
        auto* answer = std::get_if<Answer>(&message->part);
        if (answer != nullptr) put_answer(std::move(*answer), scan);
    }
    drop_lockless(scan);
    if (!brought.whole && at != 0) unreadable.insert(at);
}

// Only sockets of these, with all who share them.
void keep_sockets_of(const Pids& ours, WaitScan& scan) {
    std::set<HangMemory::SocketKey> theirs;
    for (const auto& queue : scan.sockets)
        if (ours.contains(queue.owner.pid)) theirs.emplace(queue.network_namespace, queue.inode);
    std::erase_if(scan.sockets,
                  [&](const SocketQueue& queue) { return !theirs.contains({queue.network_namespace, queue.inode}); });
    // What the process that was asked for holds is told of it, not of who happens to come first.
    std::ranges::sort(scan.sockets, {}, [&](const SocketQueue& queue) {
        return std::tuple(!ours.contains(queue.owner.pid), queue.owner.pid, queue.fd);
    });
}

Result<void> complete(Look& look, const Pids& ours, std::set<std::uint32_t>& unreadable, StackDevices& devices,
                      const std::function<void()>& meanwhile) {
    keep_sockets_of(ours, look.scan);
    // By us, because the child has no time to load a program, and this doesn't block.
    std::vector<const ThreadWait*> in_d;
    for (const auto& wait : look.scan.threads)
        if (StackDevices::worth_a_look(wait)) in_d.push_back(&wait);
    devices.look(in_d);
    const auto deadline = monotonic_now() + patience;
    auto examiner = send_examiner(look.scan, ours, unreadable, devices);
    if (!examiner) return std::unexpected(examiner.error());
    meanwhile();
    take_answers(*examiner, deadline, look.scan, unreadable);
    return {};
}

} // namespace

Result<TwoLooks> look_twice(const Features& features, const std::vector<std::uint32_t>& pids,
                            const std::function<void()>& meanwhile) {
    auto waits = WaitSource::load(features);
    if (!waits) return std::unexpected(waits.error());
    const Pids ours(pids.begin(), pids.end());
    StackDevices devices;
    TwoLooks looks;
    if (features.mode != Mode::bpf)
        looks.missing = "without BPF it is not known since when a thread waits, nor what sockets hold";
    ScanWish wish{.locks = true, .sockets = true, .processes = pids};

    KernelStacks stacks;
    auto first = look(*waits, wish, stacks);
    if (!first) return std::unexpected(first.error());
    add_hidden(pids, first->scan, looks.hidden);
    if (auto done = complete(*first, ours, looks.unreadable, devices, meanwhile); !done)
        return std::unexpected(done.error());
    looks.memory.take(first->scan, first->now);

    wish.threads = WaitGraph(looks.memory.threads()).strangers();
    for (const auto& [key, socket] : looks.memory.sockets()) {
        if (socket.holders.size() > most_holders) continue;
        for (const auto& holder : socket.holders)
            if (!ours.contains(holder.owner.pid)) wish.processes.push_back(holder.owner.pid);
    }
    // Whoever is looked at needs the time to have moved in.
    std::this_thread::sleep_for(std::max(first->now + between_looks - monotonic_now(), Duration::zero()));
    auto second = look(*waits, wish, stacks);
    if (!second) return std::unexpected(second.error());
    add_hidden({looks.hidden.begin(), looks.hidden.end()}, second->scan, looks.hidden);
    if (auto done = complete(*second, ours, looks.unreadable, devices, [] {}); !done)
        return std::unexpected(done.error());
    looks.memory.take(second->scan, second->now);
    looks.sockets_seen = first->scan.sockets_seen && second->scan.sockets_seen;
    looks.between = second->now - first->now;
    looks.now = second->now;
    return looks;
}

} // namespace nezuban
