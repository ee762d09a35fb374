#include "app/examiner.hpp"

#include "app/examiner_wire.hpp"
#include "app/left_out.hpp"
#include "io/clock.hpp"
#include "io/proc_thread.hpp"
#include "io/process_state.hpp"
#include "io/threads.hpp"
#include "support/child.hpp"
#include "support/kernel_symbol.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;
namespace ew = nezuban::examiner_wire;

namespace {

// The examiner is started as "this program, examiner": here, too.
[[gnu::constructor]] void become_examiner(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "examiner") == 0) ::_exit(examiner_main());
}

// A thread of this process, as if it waited for a mutex in our own memory.
struct HeldMutex {
    alignas(64) std::array<std::uint32_t, 64> words{};

    HeldMutex() {
        const auto owner = static_cast<std::uint32_t>(::getpid());
        words[16] = 2;
        words[18] = owner;
        words[19] = 1;
    }
    [[nodiscard]] ThreadWait waiter() const {
        ThreadWait wait;
        wait.process = {.pid = static_cast<std::uint32_t>(::getpid()), .start_ns = 1};
        wait.thread = {.tid = wait.process.pid, .start_ns = 1};
        wait.in_namespace = wait.thread.tid;
        wait.pid_namespace = own_pid_namespace();
        wait.comm = "waiter";
        wait.state = ThreadState::sleeping;
        wait.syscall = Syscall{.number = SYS_futex, .args = {reinterpret_cast<std::uint64_t>(&words[16]), 0x80, 2}};
        return wait;
    }
};

ThreadWait reader_of(int fd) {
    ThreadWait wait = HeldMutex().waiter();
    wait.syscall = Syscall{.number = SYS_read, .args = {static_cast<std::uint64_t>(fd)}};
    return wait;
}

// A thread of ours that really waits in that system call, as the scan leaves it.
ThreadWait unread(std::uint32_t tid, std::int64_t number, ToRead what) {
    auto folder = ProcFolder::tasks_of(static_cast<std::uint32_t>(::getpid())).value().value();
    ProcThread thread(folder, tid);
    ThreadWait wait;
    wait.process = {.pid = static_cast<std::uint32_t>(::getpid())};
    while (!wait.syscall || wait.syscall->number != number)
        thread.add_syscall(wait);
    thread.add_stat(thread.stat().value().value(), wait);
    thread.add_status(wait);
    wait.syscall.reset();
    wait.to_read = what;
    return wait;
}

// A process with a page of memory at which whoever touches it waits, ourselves included: nobody answers its faults.
class BlockingPage {
public:
    BlockingPage() {
        int ends[2];
        if (::pipe(ends) != 0) return;
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const auto made = make();
            (void)!::write(ends[1], &made, sizeof made);
            for (;;)
                ::pause();
        }
        ::close(ends[1]);
        if (::read(ends[0], &address_, sizeof address_) != sizeof address_) address_ = 0;
        ::close(ends[0]);
    }
    ~BlockingPage() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    BlockingPage(const BlockingPage&) = delete;
    BlockingPage& operator=(const BlockingPage&) = delete;

    [[nodiscard]] bool works() const {
        return address_ != 0;
    }
    [[nodiscard]] std::uint64_t address() const {
        return address_ + 64;
    }
    [[nodiscard]] pid_t pid() const {
        return pid_;
    }

private:
    static std::uint64_t make() {
        const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const auto faults = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC));
        void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        uffdio_api api{};
        api.api = UFFD_API;
        uffdio_register range{};
        range.range = {.start = reinterpret_cast<std::uint64_t>(page), .len = size};
        range.mode = UFFDIO_REGISTER_MODE_MISSING;
        if (faults < 0 || page == MAP_FAILED || ::ioctl(faults, UFFDIO_API, &api) != 0
            || ::ioctl(faults, UFFDIO_REGISTER, &range) != 0)
            return 0;
        return range.range.start;
    }

    std::uint64_t address_ = 0;
    pid_t pid_ = -1;
};

// The watcher's place: a loop, a spawner, and what came of it.
struct Watching {
    Spawner spawner = Spawner::start().value();
    Loop loop = Loop::create().value();
    std::vector<WaitScan> scans;
    std::vector<std::string> lines;
    Examiner examiner{loop, spawner, [this](WaitScan scan) { scans.push_back(std::move(scan)); },
                      [this](std::string line) { lines.push_back(std::move(line)); }};
    HeldMutex mutex;

    Watching() {
        REQUIRE(spawner.attach(loop));
    }
    void until(const std::function<bool()>& so) {
        while (!so()) {
            REQUIRE(loop.step(examiner.next_deadline()));
            examiner.advance(monotonic_now());
        }
    }
    WaitScan complete(std::vector<ThreadWait> threads, const std::vector<std::string>& files = {}) {
        const auto before = scans.size();
        WaitScan scan;
        scan.threads = std::move(threads);
        examiner.complete(std::move(scan), files);
        CHECK(examiner.busy());
        until([&] { return scans.size() > before; });
        CHECK_FALSE(examiner.busy());
        return scans.back();
    }
    bool finds_the_owner() {
        const auto scan = complete({mutex.waiter()});
        return scan.threads.at(0).lock && scan.threads[0].lock->owner_tid == static_cast<std::uint32_t>(::getpid());
    }
    // Its start may take its time: what comes too late is asked again.
    void await_the_owner() {
        while (!finds_the_owner()) {
        }
    }
    [[nodiscard]] pid_t pid() {
        until([this] { return examiner.pid() != 0; });
        return static_cast<pid_t>(examiner.pid());
    }
};

} // namespace

TEST_CASE("locks, descriptors and heartbeat files are found out by another process") {
    Watching here;
    TempDir scratch;
    scratch.write("beat", "");
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    ThreadWait elsewhere = here.mutex.waiter();
    elsewhere.syscall.reset();
    here.await_the_owner();
    const auto scan =
        here.complete({here.mutex.waiter(), reader_of(ends[0]), elsewhere}, {scratch / "beat", scratch / "none"});
    REQUIRE(scan.threads.size() == 3);
    REQUIRE(scan.threads[0].lock);
    CHECK(scan.threads[0].lock->kind == LockKind::mutex);
    CHECK(scan.threads[0].lock->address == scan.threads[0].syscall->args[0]);
    CHECK(scan.threads[0].lock->owner_pid == static_cast<std::uint32_t>(::getpid()));
    CHECK(scan.threads[0].object.empty());
    CHECK(scan.threads[0].comm == "waiter");
    CHECK_FALSE(scan.threads[1].lock);
    CHECK(scan.threads[1].object.starts_with("pipe:["));
    CHECK_FALSE(scan.threads[2].lock);
    REQUIRE(scan.beats.size() == 2);
    CHECK(scan.beats[0].path == scratch / "beat");
    CHECK(scan.beats[0].touched);
    CHECK(scan.beats[0].error.empty());
    CHECK_FALSE(scan.beats[1].touched);
    CHECK(scan.beats[1].error.find("No such file") != std::string::npos);
    CHECK(here.pid() != ::getpid());
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("what is found out in place is the same") {
    HeldMutex mutex;
    WaitScan scan;
    scan.threads = {mutex.waiter(), reader_of(0)};
    complete_blocking(scan, {"/nonexistent/beat"});
    REQUIRE(scan.threads[0].lock);
    CHECK(scan.threads[0].lock->owner_tid == static_cast<std::uint32_t>(::getpid()));
    CHECK_FALSE(scan.threads[1].object.empty());
    REQUIRE(scan.beats.size() == 1);
    CHECK_FALSE(scan.beats[0].touched);
}

TEST_CASE("what the scan left to be read is read, and who waits for no lock is told to nobody then") {
    // Given one who waits for a lock, one who waits for something else, and one who is gone, none of them read yet
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    std::atomic<std::uint32_t> reading = 0;
    std::atomic<std::uint32_t> locking = 0;
    std::mutex mutex;
    std::unique_lock held(mutex);
    std::thread reader([&] {
        reading = static_cast<std::uint32_t>(::gettid());
        char byte = 0;
        (void)!::read(ends[0], &byte, 1);
    });
    std::thread locker([&] {
        locking = static_cast<std::uint32_t>(::gettid());
        const std::lock_guard lock(mutex);
    });
    while (reading == 0 || locking == 0)
        std::this_thread::yield();

    WaitScan scan;
    scan.threads = {unread(locking, SYS_futex, ToRead::if_lock), unread(reading, SYS_read, ToRead::if_lock),
                    unread(reading, SYS_read, ToRead::call), unread(reading, SYS_read, ToRead::if_lock)};
    scan.threads[3].thread.start_ns += 1;
    complete_blocking(scan, {});

    REQUIRE(scan.threads.size() == 3);
    CHECK(scan.threads[0].syscall->name == "futex");
    REQUIRE(scan.threads[0].lock);
    CHECK(scan.threads[0].lock->owner_tid == static_cast<std::uint32_t>(::getpid()));
    CHECK(scan.threads[1].syscall->name == "read");
    CHECK(scan.threads[1].object.starts_with("pipe:["));
    CHECK_FALSE(scan.threads[2].syscall); // nothing is known against it
    held.unlock();
    locker.join();
    ::close(ends[1]);
    reader.join();
    ::close(ends[0]);
}

TEST_CASE("a scan with nothing to be found out comes back without an examiner") {
    Watching here;
    here.complete({});
    ThreadWait kernel = here.mutex.waiter();
    kernel.kernel_thread = true;
    CHECK_FALSE(here.complete({kernel}).threads.at(0).lock);
    CHECK(here.examiner.pid() == 0);
    CHECK(here.spawner.outstanding() == 0);
}

TEST_CASE("a kernel thread in D is told with all of its name") {
    constexpr std::uint32_t kthreadd = 2;
    const auto state = read_process_state(kthreadd);
    if (!state || !state->kernel_thread) SKIP("no kernel thread is to be seen here");
    ThreadWait wait;
    wait.process = {.pid = kthreadd, .start_ns = 1};
    wait.thread = {.tid = kthreadd, .start_ns = 1};
    wait.state = ThreadState::uninterruptible;
    wait.kernel_thread = true;
    auto other = wait;
    wait.comm = "kthre"; // as if it had been cut there
    other.comm = "kworker/0:1";
    WaitScan scan = {.threads = {wait, other}};
    complete_blocking(scan, {});
    CHECK(scan.threads[0].comm == "kthreadd");
    CHECK(scan.threads[1].comm == "kworker/0:1"); // that name belongs to somebody else by now
    Watching here;
    CHECK(here.complete({wait}).threads.at(0).comm == "kthreadd");
}

TEST_CASE("a kernel stack that was told as addresses comes back with names, or not at all") {
    const auto schedule = address_in_kernel("schedule");
    if (!schedule) SKIP("/proc/kallsyms tells no addresses (kptr_restrict)");
    Watching here;
    ThreadWait wait = here.mutex.waiter();
    wait.kernel_stack = {fmt::format("{:#x}", *schedule + 8), "0x1"};
    auto nowhere = wait;
    nowhere.kernel_stack = {"0x1", "0x2"};
    auto known = wait;
    known.kernel_stack = {"schedule+0x9"};

    const auto scan = here.complete({wait, nowhere, known});

    CHECK(scan.threads.at(0).kernel_stack == std::vector<std::string>{"schedule+0x8", "0x1"});
    CHECK(scan.threads.at(1).kernel_stack.empty());
    CHECK(scan.threads.at(2).kernel_stack == std::vector<std::string>{"schedule+0x9"});
    CHECK(scan.threads.at(0).lock);
}

TEST_CASE("twenty thousand waiting threads are all looked at") {
    Watching here;
    const auto known_of = [](const WaitScan& scan) {
        return std::ranges::count_if(scan.threads,
                                     [](const auto& thread) { return thread.lock && thread.lock->owner_tid; });
    };
    here.await_the_owner();
    WaitScan scan;
    do { // on a machine that is too busy for it the answer comes too late
        scan = here.complete(std::vector(20'000, here.mutex.waiter()));
        REQUIRE(scan.threads.size() == 20'000);
    } while (known_of(scan) != 20'000);
}

TEST_CASE("a program whose memory blocks is left out, and all others are looked at") {
    Watching here;
    here.await_the_owner();
    const BlockingPage page;
    if (!page.works()) SKIP("userfaultfd can't be used here");
    auto blocking = here.mutex.waiter();
    blocking.process = {.pid = static_cast<std::uint32_t>(page.pid()), .start_ns = 5};
    blocking.syscall->args[0] = page.address();
    blocking.comm = "blocker";
    const auto first = here.pid();
    const auto scan = here.complete({blocking, here.mutex.waiter()});
    CHECK_FALSE(scan.threads.at(0).lock);
    here.until([&] { return !here.lines.empty(); });
    CHECK(here.lines[0]
          == "looking at the memory of pid " + std::to_string(page.pid())
                 + " (blocker) blocks: it is left out for 1 min");
    for (bool found = false; !found;) {
        const auto again = here.complete({blocking, here.mutex.waiter()});
        CHECK_FALSE(again.threads.at(0).lock);
        found = again.threads.at(1).lock.has_value();
    }
    CHECK(here.pid() != first);
    CHECK(here.lines.size() == 1);
}

TEST_CASE("an examiner that doesn't answer holds nobody up, and is replaced") {
    Watching here;
    here.await_the_owner();
    const auto first = here.pid();
    REQUIRE(::kill(first, SIGSTOP) == 0);
    const auto scan = here.complete({here.mutex.waiter()}, {"/dev/null"});
    CHECK_FALSE(scan.threads.at(0).lock);
    CHECK_FALSE(scan.beats.at(0).touched);
    CHECK_FALSE(scan.beats[0].error.empty());
    here.until([&] { return !here.lines.empty(); });
    CHECK(here.lines[0] == "the examiner does not answer: it is replaced");
    here.await_the_owner();
    CHECK(here.pid() != first);
    while (open_pidfd(first).get() >= 0) // ended, and let go with one of the next scans
        here.await_the_owner();
}

TEST_CASE("an examiner that is killed is replaced") {
    Watching here;
    here.await_the_owner();
    const auto first = here.pid();
    REQUIRE(::kill(first, SIGKILL) == 0);
    here.await_the_owner();
    CHECK(here.pid() != first);
    CHECK(here.lines.empty());
}

TEST_CASE("an examiner that dies over a scan ends that scan at once") {
    Watching here;
    here.await_the_owner();
    const auto first = here.pid();
    REQUIRE(::kill(first, SIGSTOP) == 0);
    WaitScan scan;
    scan.threads = {here.mutex.waiter()};
    const auto before = here.scans.size();
    here.examiner.complete(std::move(scan), {});
    REQUIRE(::kill(first, SIGKILL) == 0);
    while (here.scans.size() == before)
        REQUIRE(here.loop.step(std::nullopt)); // without any deadline
    CHECK_FALSE(here.scans.back().threads.at(0).lock);
    here.await_the_owner();
}

TEST_CASE("the examiner has no priority that could hold up others, whatever the watcher has") {
    Watching here;
    here.await_the_owner();
    CHECK(::sched_getscheduler(here.pid()) == SCHED_OTHER);
}

TEST_CASE("the examiner ends with the watcher's end of the socket") {
    pid_t pid = 0;
    {
        Watching here;
        here.await_the_owner();
        pid = here.pid();
    }
    int status = -1;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("on whom an examiner hung is left out for a minute, then for longer") {
    LeftOut left_out;
    const LeftOut::Subject subject{.process = {.pid = 7, .start_ns = 1}, .path = {}};
    const LeftOut::Subject successor{.process = {.pid = 7, .start_ns = 2}, .path = {}};
    const Time begin{};
    CHECK_FALSE(left_out.contains(subject, begin));
    CHECK(left_out.add(subject, begin) == 1min);
    CHECK(left_out.contains(subject, begin + 59s));
    CHECK_FALSE(left_out.contains(successor, begin + 1s));
    CHECK_FALSE(left_out.contains(subject, begin + 1min));
    CHECK(left_out.add(subject, begin + 1min) == 2min);
    for (int i = 0; i < 10; ++i)
        CHECK(left_out.add(subject, begin) <= 1h);
    CHECK(left_out.add(subject, begin) == 1h);
    for (std::uint64_t i = 0; i < 100; ++i) // bounded: the oldest is forgotten
        left_out.add({.process = {.pid = 8, .start_ns = i}, .path = {}}, begin);
    CHECK_FALSE(left_out.contains(subject, begin));
}

TEST_CASE("every message arrives as it was sent") {
    wire::Frames frames;
    Question question{.index = 3, .thread = HeldMutex().waiter()};
    Answer locked{.index = 4,
                  .lock = LockWait{.address = 0x7f00'0000'1000,
                                   .kind = LockKind::rwlock,
                                   .shared = true,
                                   .owner_tid = 5,
                                   .owner_pid = 6,
                                   .readers = 7},
                  .object = "pipe:[1]"};
    frames.add(ew::encode(9, question));
    frames.add(ew::encode(9, ew::BeatFile{.index = 1, .path = "/run/beat"}));
    frames.add(ew::encode(9, ew::Go{}));
    frames.add(ew::encode(9, locked));
    frames.add(ew::encode(9, ew::BeatSeen{.index = 2, .beat = {.path = {}, .touched = Time(5s), .error = ""}}));
    frames.add(ew::encode(9, ew::Done{}));
    const auto next = [&] { return ew::decode(frames.next().value()).value(); };
    const auto first = next();
    CHECK(first.round == 9);
    const auto& asked = std::get<Question>(first.part);
    CHECK(asked.index == 3);
    CHECK(asked.thread.syscall == question.thread.syscall);
    CHECK(asked.thread.process.pid == question.thread.process.pid);
    CHECK(asked.thread.pid_namespace == question.thread.pid_namespace);
    CHECK(std::get<ew::BeatFile>(next().part).path == "/run/beat");
    CHECK(std::holds_alternative<ew::Go>(next().part));
    const auto answered = next();
    CHECK(std::get<Answer>(answered.part).lock == locked.lock);
    CHECK(std::get<Answer>(answered.part).object == "pipe:[1]");
    CHECK(std::get<ew::BeatSeen>(next().part).beat.touched == Time(5s));
    CHECK(std::holds_alternative<ew::Done>(next().part));
}

TEST_CASE("what is asked and answered about a thread in D arrives as it was") {
    Question question{.index = 3, .thread = {}};
    auto& thread = question.thread;
    thread.process.pid = 77;
    thread.thread = {.tid = 78, .start_ns = 1'000'000'007};
    thread.state = ThreadState::uninterruptible;
    thread.kernel_thread = true;
    thread.voluntary_switches = 5;
    thread.forced_switches = 2;
    thread.off_cpu = 31s;
    thread.to_read = ToRead::call_and_stack;
    const auto asked = ew::decode(std::string_view(ew::encode(1, question)).substr(4));
    REQUIRE(asked);
    const auto& got = std::get<Question>(asked->part).thread;
    CHECK(got.thread == thread.thread);
    CHECK(got.state == ThreadState::uninterruptible);
    CHECK(got.kernel_thread);
    CHECK(got.switches() == 7);
    CHECK(got.off_cpu == 31s);
    CHECK_FALSE(got.syscall);
    CHECK(got.to_read == ToRead::call_and_stack);

    const Answer answer{.index = 3,
                        .lock = {},
                        .object = "file",
                        .device = "loop0 (7:0), ext4",
                        .comm = "kworker/0:1+x",
                        .kernel_stack = {"io_schedule+0x46"},
                        .syscall = Syscall{.number = 1, .args = {7, 8, 9, 0, 0, 1ULL << 63U}}};
    const auto told = ew::decode(std::string_view(ew::encode(1, answer)).substr(4));
    REQUIRE(told);
    CHECK(std::get<Answer>(told->part).object == "file");
    CHECK(std::get<Answer>(told->part).device == "loop0 (7:0), ext4");
    CHECK(std::get<Answer>(told->part).comm == "kworker/0:1+x");
    CHECK(std::get<Answer>(told->part).kernel_stack == answer.kernel_stack);
    CHECK(std::get<Answer>(told->part).syscall == answer.syscall);
}

TEST_CASE("what is no message is none, and no number is believed that can't be") {
    CHECK_FALSE(ew::decode(""));
    CHECK_FALSE(ew::decode(std::string(16, '\xff')));
    for (const auto& whole : {ew::encode(1, Question{}), ew::encode(1, Answer{}), ew::encode(1, ew::BeatSeen{})}) {
        for (std::size_t size = 0; size + 4 < whole.size(); ++size)
            CHECK_FALSE(ew::decode(std::string_view(whole).substr(4, size)));
    }
    CHECK_FALSE(ew::decode(ew::encode(1, ew::Go{}).substr(4) + "x"));
    auto answer = ew::encode(1, Answer{.index = 0, .lock = LockWait{}, .object = {}});
    answer[4 + 16 + 72] = 99; // a kind of lock that there isn't
    CHECK_FALSE(ew::decode(std::string_view(answer).substr(4)));
    CHECK(ew::Subject::unpacked(~0ULL).kind == ew::Subject::Kind::nothing);
    const auto subject =
        ew::Subject::unpacked(ew::Subject{.kind = ew::Subject::Kind::process, .number = 77}.packed(1ULL << 40U));
    CHECK(subject.kind == ew::Subject::Kind::process);
    CHECK(subject.number == 77);
}
