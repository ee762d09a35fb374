// One line about a process, from two looks at it.
#include "rules/verdict.hpp"

#include "rules/hang_rules.hpp"
#include "rules/wait_graph.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

constexpr Time looked{1000s};
constexpr Duration between = 60ms;

ThreadWait asleep(std::uint32_t tid, std::string call, Duration off_cpu = 12s,
                  std::array<std::uint64_t, 6> args = {3}) {
    return {.process = {.pid = 70, .start_ns = 1},
            .thread = {.tid = tid, .start_ns = tid},
            .in_namespace = tid,
            .comm = "worker",
            .state = ThreadState::sleeping,
            .off_cpu = off_cpu,
            .voluntary_switches = 5,
            .syscall = Syscall{.number = 1, .args = args, .name = std::move(call)},
            .entered_by_syscall = true};
}

ThreadWait in_state(std::uint32_t tid, ThreadState state, Duration off_cpu = 12s) {
    auto wait = asleep(tid, "", off_cpu);
    wait.state = state;
    wait.syscall.reset();
    return wait;
}

ThreadWait locked(std::uint32_t tid, std::uint32_t owner) {
    auto wait = asleep(tid, "futex", 31s, {0x1000 + tid, 128, 2, 0});
    wait.lock = LockWait{.address = 0x1000 + tid, .kind = LockKind::mutex, .owner_tid = owner, .owner_pid = 70};
    return wait;
}

SocketQueue queue(std::uint32_t length) {
    return {.owner = {.pid = 70, .start_ns = 1},
            .fd = 3,
            .inode = 9,
            .kind = SocketKind::tcp_listening,
            .length = length,
            .limit = 128,
            .mark = 1,
            .accepts = true,
            .local = "127.0.0.1:4711"};
}

// What explain does, without its surroundings being real.
struct Looked {
    Surroundings around{.pid = 70, .comm = "worker", .parent = {.pid = 7, .comm = "sh"}};
    std::vector<ThreadWait> first;
    std::vector<ThreadWait> second;
    std::vector<SocketQueue> sockets;
    HangSpec spec;

    static Looked twice(std::vector<ThreadWait> threads) {
        auto later = threads;
        for (auto& wait : later)
            if (wait.off_cpu > Duration::zero()) wait.off_cpu += between;
        return {.first = std::move(threads), .second = std::move(later)};
    }

    [[nodiscard]] Verdict verdict() const {
        HangMemory memory;
        memory.take({.threads = first, .sockets = sockets, .sockets_seen = true}, looked);
        memory.take({.threads = second, .sockets = sockets, .sockets_seen = true}, looked + between);
        const WaitGraph graph(memory.threads());
        std::vector<const SeenThread*> threads;
        for (const auto& [tid, seen] : memory.threads())
            threads.push_back(&seen);
        std::vector<const SeenSocket*> waiting;
        for (const auto& [key, seen] : memory.sockets())
            waiting.push_back(&seen);
        const auto now = looked + between;
        auto found = find_hangs({.spec = spec, .memory = memory, .graph = graph, .now = now, .threads = threads}).found;
        for (const auto* socket : waiting) {
            const auto rest = at_rest(threads, now);
            if (!rest) continue;
            if (auto finding = unserved_at_rest(*socket, socket->last.owner, *rest, *spec.unserved))
                found.push_back(std::move(*finding));
        }
        return judge({.around = around,
                      .findings = found,
                      .threads = threads,
                      .sockets = waiting,
                      .sockets_seen = true,
                      .between = between,
                      .now = now,
                      .clocks = {.monotonic = now, .wall = WallTime(1'700'000'000s)}});
    }
    [[nodiscard]] std::string line() const {
        return verdict().headline();
    }
};

} // namespace

TEST_CASE("a server that waits for connections is idle, whatever its helpers wait for") {
    auto server = Looked::twice({asleep(70, "epoll_wait"), asleep(71, "futex"), asleep(72, "futex")});
    server.around.listening = {{.fd = 3, .local = ":25"}, {.fd = 4, .local = ":25"}};
    CHECK(server.line()
          == "idle: waiting for connections on :25; 2 threads waiting for work (to be woken by another thread), queues "
             "empty");
}

TEST_CASE("who waits for a child, a timer, input or a signal is idle, and it is said for what") {
    CHECK(Looked::twice({asleep(70, "nanosleep")}).line() == "idle: sleeping for a time");
    CHECK(Looked::twice({asleep(70, "pause")}).line() == "idle: waiting for a signal");
    auto reader = asleep(70, "read");
    reader.object = "pipe:[4711]";
    CHECK(Looked::twice({reader}).line() == "idle: waiting for data from pipe:[4711]");
    auto shell = Looked::twice({asleep(70, "wait4", 12s, {~0ULL})});
    shell.around.children = {{.pid = 77, .comm = "sh"}};
    CHECK(shell.line() == "idle: waiting for its child 77 (sh)");
}

TEST_CASE("a deadlock is hung, with the threads of the cycle") {
    const auto stuck = Looked::twice({locked(71, 72), locked(72, 71), asleep(70, "read")});
    CHECK(stuck.line() == "hung: deadlock between threads 71 and 72, 31.1 s");
    CHECK(Looked::twice({locked(71, 71)}).line() == "hung: deadlock of thread 71 with itself, 31.1 s");
}

TEST_CASE("a deadlock that has just closed is hung at once, but one look is no proof") {
    auto stuck = Looked::twice({locked(71, 72), locked(72, 71)});
    stuck.first.clear();
    CHECK(stuck.verdict().kind != VerdictKind::hung);
}

TEST_CASE("who waits for a lock that somebody holds is blocked, and hung only if a rule says so") {
    auto waits = Looked::twice({locked(71, 70), asleep(70, "nanosleep")});
    CHECK(waits.line() == "blocked: tid 71 (worker) is waiting for mutex 0x1047 held by tid 70, for 31.1 s");
    waits.spec.lock_wait = 30s;
    CHECK(waits.verdict().kind == VerdictKind::hung);
}

TEST_CASE("who joins a thread idles with it") {
    auto join = locked(70, 71);
    join.lock->kind = LockKind::join;
    CHECK(Looked::twice({join, asleep(71, "nanosleep")}).line()
          == "idle: sleeping for a time; waiting for the end of tid 71");
}

TEST_CASE("D is blocked until its threshold, and hung from then on") {
    auto wait = in_state(70, ThreadState::uninterruptible, 12s);
    wait.object = "/mnt/x";
    CHECK(Looked::twice({wait}).line() == "blocked: tid 70 (worker) is in D on /mnt/x, for 12.1 s");
    wait.off_cpu = 41s;
    CHECK(Looked::twice({wait}).line().starts_with("hung: tid 70 (worker) is in D"));
}

TEST_CASE("who ran between the looks is moving") {
    auto moving = Looked::twice({asleep(70, "read"), asleep(71, "nanosleep")});
    moving.second[1].voluntary_switches += 1;
    moving.second[1].off_cpu = 5ms;
    CHECK(moving.line() == "moving: 1 of 2 threads ran within 60 ms");
    SUBCASE("and it is said if others of it are stuck") {
        moving.first.push_back(locked(72, 71));
        moving.second.push_back(locked(72, 71));
        CHECK(
            moving.line().starts_with("moving: 1 of 3 threads ran within 60 ms; tid 72 (worker) is waiting for mutex"));
    }
}

TEST_CASE("who has burnt CPU is moving, who only wanted to is not said to have run") {
    auto running = in_state(70, ThreadState::running, 0s);
    auto busy = Looked::twice({running});
    busy.second[0].cpu += 10ms;
    CHECK(busy.line() == "moving: 1 of 1 thread ran within 60 ms");
    CHECK(Looked::twice({running}).line() == "moving: 1 thread wants to run, but got no processor in 60 ms");
}

TEST_CASE("stopped, traced and frozen are neither idle nor hung") {
    CHECK(Looked::twice({in_state(70, ThreadState::stopped)}).line().starts_with("stopped: for 12.1 s"));
    auto traced = in_state(70, ThreadState::traced);
    traced.tracer_pid = 5;
    traced.tracer_comm = "gdb";
    CHECK(Looked::twice({traced}).line() == "stopped: for 12.1 s, held by its debugger 5 (gdb)");
    CHECK(Looked::twice({in_state(70, ThreadState::stopped, 50s)}).verdict().kind == VerdictKind::hung);
    auto frozen = asleep(70, "read");
    frozen.frozen = true;
    CHECK(Looked::twice({frozen}).line() == "frozen: by its cgroup or a suspend, for 12.1 s");
}

TEST_CASE("a zombie is told with the parent that has not asked for it") {
    CHECK(Looked::twice({in_state(70, ThreadState::zombie)}).line()
          == "zombie: dead since 2023-11-14T22:13:07Z (12.1 s), its parent 7 (sh) has not asked for its exit status");
    SUBCASE("but a process outlives its leader") {
        CHECK(Looked::twice({in_state(70, ThreadState::zombie), asleep(71, "nanosleep")}).line()
              == "idle: sleeping for a time");
    }
}

TEST_CASE("nobody of it in the second look: it is gone") {
    auto ended = Looked::twice({asleep(70, "read")});
    ended.second.clear();
    CHECK(ended.line() == "gone: it ended while it was looked at");
}

TEST_CASE("kernel threads are called so") {
    auto wait = in_state(70, ThreadState::idle);
    wait.kernel_thread = true;
    CHECK(Looked::twice({wait}).line() == "kernel thread: idle");
}

TEST_CASE("work that waits while nobody has run for long enough is unserved") {
    auto server = Looked::twice({asleep(70, "read", 41s)});
    server.sockets = {queue(3)};
    CHECK(server.line() == "hung: 3 connections wait on 127.0.0.1:4711, and no thread of it has run for 41.1 s");
    SUBCASE("in datagrams, where it is told in datagrams") {
        server.sockets[0].kind = SocketKind::udp;
        CHECK(server.line().starts_with("hung: 3 datagrams wait on 127.0.0.1:4711"));
    }
    SUBCASE("not, when somebody ran a moment ago") {
        server.first.push_back(asleep(71, "nanosleep", 2s));
        server.second.push_back(asleep(71, "nanosleep", 2s + between));
        CHECK(server.line() == "blocked: 3 connections wait on 127.0.0.1:4711, and no thread of it has run for 2.1 s");
    }
    SUBCASE("not, when it isn't known when a thread ran") {
        server.first[0].off_cpu = server.second[0].off_cpu = Duration::zero();
        CHECK(server.verdict().kind != VerdictKind::hung);
    }
    SUBCASE("not, when it is an answer that no client has to read") {
        server.sockets[0].kind = SocketKind::tcp;
        server.sockets[0].peer_closed = true;
        server.sockets[0].accepts = false;
        CHECK(server.verdict().kind != VerdictKind::hung);
    }
}

TEST_CASE("work that came between the looks is no claim yet") {
    const Finding nothing;
    const SeenSocket fresh{.last = queue(1), .holders = {queue(1)}, .since = looked, .scans = 1};
    CHECK_FALSE(unserved_at_rest(fresh, nothing.process, 100s, 30s));
}
