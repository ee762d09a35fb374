// Silence, its end, and who stopped it: on a kernel that has what it needs (6.1 and later).
#include "probe/stalls.hpp"

#include "vm/watch.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

// The programs' load takes seconds here: one for all tests, and one attempt.
Result<Stalls>& the_stalls() {
    static Result<Stalls> stalls = Stalls::attach(test::features());
    return stalls;
}

#define NEEDS_STALLS()                                                                                                 \
    NEEDS_BPF();                                                                                                       \
    if (!the_stalls()) SKIP(the_stalls().error().text)

// Since 7.0 or so task storage is allocated without locks, for which the processor needs an instruction that
// scripts/vm/run takes from its guests (because others panic with it).
bool lacks_instruction(const Result<void>& done) {
    if (done || done.error().number != ENOMEM) return false;
    std::ifstream info("/proc/cpuinfo");
    const std::string text{std::istreambuf_iterator<char>(info), std::istreambuf_iterator<char>()};
    return text.find(" cx16") == std::string::npos;
}

#define MUST_BE_KEPT(call)                                                                                             \
    do {                                                                                                               \
        const auto done = (call);                                                                                      \
        if (lacks_instruction(done)) SKIP("task storage needs cmpxchg16b on this kernel, and the emulation lacks it"); \
        must(done);                                                                                                    \
    } while (false)

Stalled await_told(Stalls& stalls) {
    std::optional<Stalled> told;
    for (const auto deadline = after(); !told;) {
        stalls.drain(1, [&](const Stamped& stamped) { told = std::get<Stalled>(stamped.event); });
        if (!told && !wait_readable(stalls.descriptor(), deadline))
            throw std::runtime_error("nothing was told in time");
    }
    return *told;
}

} // namespace

TEST_CASE("stalls: a silence is seen while it lasts, and told when it ends") {
    NEEDS_STALLS();
    auto& stalls = *the_stalls();
    auto idle = start_program("nzidle");
    const auto process = the_watch().snapshot().at(idle.pid()).process.id;
    MUST_BE_KEPT(stalls.watch(process, 100ms));
    for (const auto deadline = after(); stalls.silence_of(process)->silent < 200ms;) {
        REQUIRE(Clock::now() < deadline);
        const timespec moment{.tv_sec = 0, .tv_nsec = 10'000'000};
        nanosleep(&moment, nullptr);
    }

    idle.ask("rename nzback");

    const auto told = await_told(stalls);
    CHECK(told.process == process);
    CHECK(told.tid == 0);
    CHECK(told.off_cpu >= 200ms);
    CHECK(stalls.silence_of(process)->longest == told.off_cpu);
    CHECK(stalls.forget(process));
}

TEST_CASE("stalls: a followed thread is told when it is back") {
    NEEDS_STALLS();
    auto& stalls = *the_stalls();
    auto idle = start_program("nzidle");
    const auto process = the_watch().snapshot().at(idle.pid()).process.id;
    MUST_BE_KEPT(stalls.follow(process, {.tid = process.pid, .start_ns = process.start_ns}));

    idle.ask("rename nzback");

    CHECK(await_told(stalls).tid == process.pid);
}

TEST_CASE("stalls: the system calls of a thread are counted") {
    NEEDS_STALLS();
    auto& stalls = *the_stalls();
    auto idle = start_program("nzidle");
    const auto process = the_watch().snapshot().at(idle.pid()).process.id;
    const ThreadId thread{.tid = process.pid, .start_ns = process.start_ns};
    MUST_BE_KEPT(stalls.count_syscalls(process, thread));

    idle.ask("rename nzback");

    const auto made = stalls.syscalls_of(thread);
    REQUIRE(made.has_value());
    CHECK(*made > 0);
    stalls.stop_counting(process, thread);
}

TEST_CASE("stops: who stopped a process is known until it goes on") {
    NEEDS_BPF();
    auto idle = start_program("nzidle");
    const auto process = the_watch().snapshot().at(idle.pid()).process.id;

    idle.signal(SIGSTOP);

    const auto stopper = the_watch().lifecycle().stopper_of(process);
    REQUIRE(stopper.has_value());
    CHECK(stopper->pid == static_cast<std::uint32_t>(getpid()));
    CHECK(stopper->signal == SIGSTOP);
    idle.signal(SIGCONT);
    CHECK_FALSE(the_watch().lifecycle().stopper_of(process).has_value());
}
