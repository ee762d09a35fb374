#include "io/children.hpp"
#include "io/own_process.hpp"
#include "io/process_signal.hpp"
#include "io/process_state.hpp"
#include "io/procfs.hpp"
#include "io/signals.hpp"
#include "io/users.hpp"
#include "spawning.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr std::uint64_t tick_ns = 10'000'000;

// A process that waits for its end, with the identity that /proc tells.
struct Sleeper {
    Sleeper() {
        auto* handler = ::signal(SIGTERM, SIG_DFL); // the test framework's own would be inherited
        pid = ::fork();
        if (pid == 0) {
            for (;;)
                ::pause();
        }
        ::signal(SIGTERM, handler);
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string field;
        for (int i = 0; i < 22; ++i)
            stat >> field;
        id = {.pid = static_cast<std::uint32_t>(pid), .start_ns = std::stoull(field) * tick_ns};
    }
    ~Sleeper() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;

    pid_t pid = 0;
    Identity id;
};

int signal_process(const Identity& id, int signal) {
    const auto target = SignalTarget::hold(id);
    return target ? target->send(signal) : target.error();
}

} // namespace

TEST_CASE("a signal reaches the process of that identity") {
    Sleeper sleeper;
    auto id = sleeper.id;
    id.start_ns += tick_ns - 1; // the kernel knows nanoseconds, /proc only the tick they fall into
    CHECK(signal_process(id, 0) == 0);
    CHECK(signal_process(id, SIGTERM) == 0);
    int status = 0;
    ::waitpid(sleeper.pid, &status, 0);
    CHECK(WTERMSIG(status) == SIGTERM);
    CHECK(signal_process(id, SIGTERM) == ESRCH);
}

TEST_CASE("no signal reaches a kernel thread, whoever asks for it") {
    constexpr std::uint32_t kthreadd = 2;
    const auto state = read_process_state(kthreadd);
    if (!state || !state->kernel_thread) SKIP("no kernel thread is to be seen here");
    // 0 is none: were it let through, nothing would happen.
    CHECK(signal_process({.pid = kthreadd, .start_ns = state->started * tick_ns}, 0) == EPERM);
    CHECK(signal_process({.pid = kthreadd, .start_ns = (state->started + 1) * tick_ns}, 0) == ESRCH);
}

TEST_CASE("the name of a kernel thread is read as a whole") {
    constexpr std::uint32_t kthreadd = 2;
    const auto state = read_process_state(kthreadd);
    if (!state || !state->kernel_thread) SKIP("no kernel thread is to be seen here");
    CHECK(read_name(kthreadd) == "kthreadd");
    CHECK_FALSE(read_name(0).has_value());
}

TEST_CASE("a signal doesn't reach another process that carries the same pid") {
    Sleeper sleeper;
    auto older = sleeper.id;
    older.start_ns -= 1;
    CHECK(signal_process(older, SIGKILL) == ESRCH);
    auto newer = sleeper.id;
    newer.start_ns += tick_ns;
    CHECK(signal_process(newer, SIGKILL) == ESRCH);
    CHECK(::waitpid(sleeper.pid, nullptr, WNOHANG) == 0);
    CHECK(signal_process(sleeper.id, 999) == EINVAL);
    CHECK(signal_process({.pid = 0, .start_ns = 0}, SIGTERM) == ESRCH);
}

TEST_CASE("who is held and ends meanwhile gets nothing, whoever has its number then") {
    Sleeper sleeper;
    const auto target = SignalTarget::hold(sleeper.id);
    REQUIRE(target);
    ::kill(sleeper.pid, SIGKILL);
    ::waitpid(sleeper.pid, nullptr, 0);
    CHECK(target->send(SIGKILL) == ESRCH);
}

TEST_CASE("who can't be held for want of descriptors is not taken for gone, nor for one that can't be ended") {
    Sleeper sleeper;
    // given: an own process, because the limit is everybody's in it
    const auto other = ::fork();
    if (other == 0) {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        int failures = 0;
        const int next = ::dup(STDERR_FILENO); // the lowest that is free
        ::close(next);
        for (const int free : {0, 1, 2}) {
            limit.rlim_cur = static_cast<rlim_t>(next + free);
            ::setrlimit(RLIMIT_NOFILE, &limit);
            const int error = signal_process(sleeper.id, 0);
            if (free < 2 ? !is_for_want(error) : error != 0) failures |= 1 << free;
        }
        ::_exit(failures);
    }
    int status = -1;
    ::waitpid(other, &status, 0);
    CHECK(status == 0);
}

TEST_CASE("a number that is a thread's by now is nobody's, however the kernel calls it") {
    std::promise<std::uint32_t> number;
    std::promise<void> done;
    std::thread thread([&] {
        number.set_value(static_cast<std::uint32_t>(::gettid()));
        done.get_future().wait();
    });
    CHECK(signal_process({.pid = number.get_future().get(), .start_ns = 0}, 0) == ESRCH);
    done.set_value();
    thread.join();
}

TEST_CASE("a name with blanks and brackets doesn't hide the start time") {
    Spawning here;
    TempDir scratch;
    auto program = scratch / ") 1 2 (";
    std::filesystem::copy_file("/bin/sleep", program);
    auto spawned = here.wait_for({.argv = {program, "1000"}});
    std::string text;
    while (read_exe(spawned.pid) != program)
        ::poll(nullptr, 0, 1); // until it has executed
    std::ifstream stat("/proc/" + std::to_string(spawned.pid) + "/stat");
    std::getline(stat, text);
    std::istringstream rest(text.substr(text.rfind(')') + 2));
    for (int i = 0; i < 20; ++i)
        rest >> text;
    CHECK(signal_process({.pid = spawned.pid, .start_ns = std::stoull(text) * tick_ns}, SIGKILL) == 0);
    ::waitpid(static_cast<pid_t>(spawned.pid), nullptr, 0);
}

TEST_CASE("what /proc says of a process: arguments, program, cgroups") {
    auto own = static_cast<std::uint32_t>(::getpid());
    auto args = read_args(own).value();
    CHECK(args.ends_with('\0'));
    CHECK(args.find("test_unit_io") != std::string::npos);
    CHECK(read_exe(own).value().ends_with("/test_unit_io"));
    CHECK_FALSE(read_cgroups(own).value().empty());

    Sleeper sleeper;
    ::kill(sleeper.pid, SIGKILL);
    ::waitpid(sleeper.pid, nullptr, 0);
    CHECK_FALSE(read_args(sleeper.id.pid));
    CHECK_FALSE(read_exe(sleeper.id.pid));
    CHECK_FALSE(read_cgroups(sleeper.id.pid));
}

TEST_CASE("a program that was replaced keeps its path, and arguments end at 4,096 bytes") {
    Spawning here;
    TempDir scratch;
    auto program = scratch / "sleeper";
    std::filesystem::copy_file("/bin/sleep", program);
    auto spawned = here.wait_for({.argv = {program, "1000", "0" + std::string(6000, '0')}});
    // In the middle of its exec it has a path already, and no arguments yet.
    while (read_exe(spawned.pid) != program || read_args(spawned.pid).value_or("").empty())
        ::poll(nullptr, 0, 1);
    std::filesystem::remove(program);
    CHECK(read_exe(spawned.pid) == program);
    CHECK(read_args(spawned.pid).value().size() == 4096);
    ::kill(static_cast<pid_t>(spawned.pid), SIGKILL);
    ::waitpid(static_cast<pid_t>(spawned.pid), nullptr, 0);
}

TEST_CASE("cgroup paths of all hierarchies are told once each, and the root only when it is all there is") {
    CHECK(cgroup_paths("0::/\n") == "/");
    CHECK(cgroup_paths("0::/a.slice/b.service\n") == "/a.slice/b.service");
    CHECK(cgroup_paths("4:memory:/a\n3:cpu,cpuacct:/b:c\n2:pids:/a\n1:name=systemd:/\n0::/\n") == "/a\n/b:c");
    CHECK(cgroup_paths("0::/gone (deleted)\n") == "/gone");
    CHECK(cgroup_paths("").empty());
}

TEST_CASE("signals are read from a descriptor, each once, and have names") {
    sigset_t before{};
    ::sigprocmask(SIG_BLOCK, nullptr, &before);
    {
        auto signals = SignalFd::open().value();
        auto arrived = [&] { // but for the end of some earlier test's helper
            auto all = signals.read();
            std::erase(all, SIGCHLD);
            return all.size();
        };
        CHECK(arrived() == 0);
        ::raise(SIGHUP);
        ::raise(SIGHUP);
        ::raise(SIGTERM);
        CHECK(arrived() == 2);
        CHECK(arrived() == 0);
    }
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("users and groups are known by name and by number") {
    CHECK(user_id("root") == 0);
    CHECK(group_id("root") == 0);
    CHECK(user_id("12345678") == 12345678);
    CHECK_FALSE(user_id("nobody-of-this-name"));
    CHECK_FALSE(group_id("-1"));
    CHECK_FALSE(user_id("4294967295"));
    CHECK(user_name(0) == "root");
    UserNames names;
    CHECK(names.of(0) == "root");
    CHECK(names.of(12345678) == "12345678");
    CHECK(names.of(12345678) == "12345678");
}

TEST_CASE("a child's end is seen without letting its pid go") {
    auto pid = static_cast<std::uint32_t>(::fork());
    if (pid == 0) ::_exit(5);
    siginfo_t info{};
    ::waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
    CHECK(look_at_child(pid)->exit_code == 5);
    CHECK(look_at_child(pid)->signal == 0);
    reap_child(pid);
    CHECK(look_at_child(pid)->exit_code == -1);

    Sleeper sleeper;
    CHECK_FALSE(look_at_child(sleeper.id.pid));
    signal_group(sleeper.id.pid, SIGKILL); // it has no group of its own
    ::waitid(P_PID, sleeper.id.pid, &info, WEXITED | WNOWAIT);
    CHECK(look_at_child(sleeper.id.pid)->signal == SIGKILL);
}

TEST_CASE("a hardened process is out of the OOM killer's sight or says why not, and still can use memory") {
    if (::geteuid() != 0) SKIP("needs root");
    auto pid = ::fork();
    if (pid == 0) {
        auto failures = harden();
        std::string score;
        std::ifstream("/proc/self/oom_score_adj") >> score;
        std::string much(32U << 20U, 'x');
        bool told = score == "-1000" || !failures.empty();
        for (const auto& failure : failures)
            std::fprintf(stderr, "harden: %s\n", failure.c_str());
        ::_exit(told && much.back() == 'x' ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    CHECK(WEXITSTATUS(status) == 0);
}
