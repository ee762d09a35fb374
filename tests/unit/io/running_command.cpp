#include "io/running_command.hpp"

#include "io/clock.hpp"
#include "spawning.hpp"
#include "support/apart.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration plenty = 20s;

std::string fresh_token() {
    static int next = 0;
    return "nz-test-" + std::to_string(::getpid()) + "-" + std::to_string(++next);
}

// A process that does what it is told and then pauses, killed at the end.
class Process {
public:
    explicit Process(const std::function<bool()>& become) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const char good = become() ? 1 : 0;
            (void)!::write(ends[1], &good, 1);
            for (;;)
                ::pause();
        }
        ::close(ends[1]);
        char good = 0;
        works_ = ::read(ends[0], &good, 1) == 1 && good == 1;
        ::close(ends[0]);
    }
    ~Process() {
        end();
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void end() {
        if (pid_ > 0) ::kill(pid_, SIGKILL);
        if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    [[nodiscard]] std::uint32_t pid() const {
        return static_cast<std::uint32_t>(pid_);
    }
    [[nodiscard]] bool works() const {
        return works_;
    }

private:
    pid_t pid_ = -1;
    bool works_ = false;
};

// What the spawner makes of a command: it leads its session and has the token. It says a line when it is there.
struct Command {
    Spawning here;
    OutputPipe pipe = output_pipe().value();
    std::uint32_t pid = 0;

    Command(const std::string& token, const std::string& script) {
        pid = here.wait_for({.argv = {"/bin/sh", "-c", script},
                             .environment = {{"NEZUBAN_RUN", token}},
                             .output = std::move(pipe.theirs)})
                  .pid;
    }
    ~Command() {
        end();
    }
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    std::string line() {
        std::string text;
        for (char byte = 0; byte != '\n';) {
            REQUIRE(wait_ready(pipe.ours.get(), ready::in, plenty));
            REQUIRE(::read(pipe.ours.get(), &byte, 1) == 1);
            text += byte;
        }
        text.pop_back();
        return text;
    }
    void end() {
        if (pid != 0) ::kill(static_cast<pid_t>(pid), SIGKILL);
        if (pid != 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
        pid = 0;
    }
};

CommandSearch search_for(const std::vector<WantedCommand>& wanted) {
    return find_running_commands(wanted, plenty);
}

Identity found(const std::string& token, const Identity& known = {}) {
    const auto search = search_for({{.token = token, .known = known}});
    CHECK(search.unread.empty());
    return search.found.at(0);
}

// For whoever calls this, its environment becomes that pipe, into which nobody writes.
bool cover(std::uint32_t pid, const std::string& fifo) {
    const auto environment = "/proc/" + std::to_string(pid) + "/environ";
    return test::take_own_mounts() && ::mount(fifo.c_str(), environment.c_str(), nullptr, MS_BIND, nullptr) == 0;
}

std::uint32_t child_of(std::uint32_t pid) {
    const auto name = std::to_string(pid);
    std::ifstream in("/proc/" + name + "/task/" + name + "/children");
    std::uint32_t child = 0;
    in >> child;
    return child;
}

bool has_open(std::uint32_t pid, const std::string& path) {
    for (const auto& each : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(each, gone) == path) return true;
    }
    return false;
}

} // namespace

TEST_CASE("a command that runs is found by its token, with its start, and no more when it has ended") {
    const auto token = fresh_token();
    Command command(token, "echo up; exec sleep 1000");
    CHECK(command.line() == "up");

    const auto id = found(token);
    CHECK(id.pid == command.pid);
    CHECK(id.start_ns > 0);
    CHECK(found(token + "0").pid == 0);
    CHECK(found(token.substr(0, token.size() - 1)).pid == 0);
    CHECK(found(token, id) == id);
    CHECK(found(token, {.pid = id.pid}) == id);

    command.end();
    CHECK(found(token).pid == 0);
    CHECK(found(token, id).pid == 0);
    CHECK(found(token, {.pid = id.pid}).pid == 0);
}

TEST_CASE("a command is found in the middle of an exec, too") {
    const auto token = fresh_token();
    const TempDir dir;
    const auto again = dir.write("again", "exec /bin/sh \"$0\"\n");
    Command command(token, "echo up; exec /bin/sh " + again);
    CHECK(command.line() == "up");
    for (int i = 0; i < 300; ++i)
        REQUIRE(found(token).pid == command.pid);
}

TEST_CASE("several commands are found by one look, and who has none gets nobody") {
    const auto first = fresh_token();
    const auto second = fresh_token();
    Command one(first, "echo up; exec sleep 1000");
    Command two(second, "echo up; exec sleep 1000");
    one.line();
    two.line();
    const auto search = search_for({{.token = second}, {.token = fresh_token()}, {.token = first}});
    CHECK(search.found.at(0).pid == two.pid);
    CHECK(search.found.at(1).pid == 0);
    CHECK(search.found.at(2).pid == one.pid);
    CHECK(find_running_commands({}, plenty).found.empty());
}

TEST_CASE("what a command has started is not the command, though it carries the token") {
    const auto token = fresh_token();
    Command command(token, "sleep 1000 & echo $!; setsid sleep 1000 & echo $!; wait");
    const auto child = std::stoi(command.line());
    const auto session = std::stoi(command.line());

    const auto id = found(token);
    CHECK(id.pid == command.pid);
    command.end();

    // Whoever leads a session is taken for it, unless it was known who it was.
    CHECK(found(token, id).pid == 0);
    CHECK(found(token, {.pid = id.pid}).pid == 0);
    ::kill(session, SIGKILL);
    ::kill(child, SIGKILL);
}

TEST_CASE("a number that somebody else has by now is nobody") {
    const auto token = fresh_token();
    Process other([] { return ::setsid() > 0; });
    REQUIRE(other.works());
    CHECK(found(token, {.pid = other.pid()}).pid == 0);
    CHECK(found(token, {.pid = other.pid(), .start_ns = 1}).pid == 0);
}

TEST_CASE("a zombie runs no more") {
    const auto token = fresh_token();
    Command command(token, "echo up; exec sleep 1000");
    command.line();
    const auto id = found(token);
    ::kill(static_cast<pid_t>(command.pid), SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(command.pid), &info, WEXITED | WNOWAIT);
    CHECK(found(token, id).pid == 0);
    CHECK(found(token).pid == 0);
}

TEST_CASE("a command that has not executed its program yet is known by its number") {
    // As the spawner leaves it while the program's disk doesn't answer; its daemon is dead, so it is nobody's of ours.
    const auto token = fresh_token();
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const Process daemon([&] {
        const auto pid = ::fork();
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::setsid();
            ::prctl(PR_SET_NAME, "nezuban-spawner");
            const auto own = ::getpid();
            (void)!::write(ends[1], &own, sizeof own);
            for (;;)
                ::pause();
        }
        return pid > 0;
    });
    pid_t pid = 0;
    REQUIRE(::read(ends[0], &pid, sizeof pid) == sizeof pid);
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(found(token, {.pid = static_cast<std::uint32_t>(pid)}).pid == static_cast<std::uint32_t>(pid));
    CHECK(found(token).pid == 0);
}

TEST_CASE("whoever can't be looked at is said, and the others are found all the same") {
    if (::geteuid() != 0) SKIP("mounting needs root");
    const auto token = fresh_token();
    Command command(token, "echo up; exec sleep 1000");
    command.line();
    // The newest, and so the first to be looked at.
    const Process stuck([] { return ::setsid() > 0; });
    REQUIRE(stuck.works());
    const TempDir dir;
    REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);

    enum Outcome { fine, wrong, cannot_mount };
    const auto looker = ::fork();
    if (looker == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!cover(stuck.pid(), dir.file("fifo"))) ::_exit(cannot_mount);
        const std::vector<WantedCommand> wanted{{.token = token}, {.token = fresh_token()}};
        const auto search = find_running_commands(wanted, 4s);
        const bool so = search.found.at(0).pid == command.pid && search.found.at(1).pid == 0
                        && search.unread == std::vector{stuck.pid()};
        ::_exit(so ? fine : wrong);
    }
    int status = 0;
    ::waitpid(looker, &status, 0);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == cannot_mount) SKIP("nothing can be mounted over /proc here");
    CHECK(WEXITSTATUS(status) == fine);
}

TEST_CASE("a command that is known by its number and can't be looked at runs as long as that number leads a session") {
    if (::geteuid() != 0) SKIP("mounting needs root");
    const Process stuck([] { return ::setsid() > 0; });
    const Process follower([] { return true; });
    REQUIRE(stuck.works());
    const TempDir dir;
    REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);

    const auto said = apart([&] {
        if (!cover(stuck.pid(), dir.file("fifo"))) return std::string("can't mount");
        // The third may be any session leader: so all of them are looked at.
        const std::vector<WantedCommand> wanted{{.token = fresh_token(), .known = {.pid = stuck.pid()}},
                                                {.token = fresh_token(), .known = {.pid = follower.pid()}},
                                                {.token = fresh_token()}};
        const auto search = find_running_commands(wanted, 4s);
        const auto& found = search.found;
        const bool so =
            found.at(0).pid == stuck.pid() && found.at(0).start_ns > 0 && found.at(1).pid == 0 && found.at(2).pid == 0;
        return std::string(so ? "so it is" : "not so");
    });
    if (said == "can't mount") SKIP("nothing can be mounted over /proc here");
    CHECK(said == "so it is");
}

TEST_CASE("a look that doesn't come back keeps nothing of ours open") {
    if (::geteuid() != 0) SKIP("mounting needs root");
    const Process stuck([] { return ::setsid() > 0; });
    REQUIRE(stuck.works());
    const TempDir dir;
    REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
    const auto ours = dir.write("ours", "");

    // given: one who has a file of ours open, and looks
    const Process looker([&] {
        if (::open(ours.c_str(), O_RDONLY | O_CLOEXEC) < 0 || !cover(stuck.pid(), dir.file("fifo"))) return false;
        if (::fork() != 0) return true;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const std::vector<WantedCommand> wanted{{.token = fresh_token(), .known = {.pid = stuck.pid()}}};
        (void)find_running_commands(wanted, 1h);
        ::_exit(0);
    });
    if (!looker.works()) SKIP("nothing can be mounted over /proc here");
    // when: the look is in the middle of it, so that the pipe has a reader
    nezuban::Fd writer;
    for (const auto give_up = monotonic_now() + plenty; !writer && monotonic_now() < give_up;)
        writer.reset(::open(dir.file("fifo").c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(writer);

    const auto watching = child_of(looker.pid());
    const auto looking = child_of(watching);
    CHECK(has_open(watching, ours));
    const auto environment = "/proc/" + std::to_string(stuck.pid()) + "/environ";
    for (const auto give_up = monotonic_now() + plenty; !has_open(looking, environment);) // we have just woken it
        REQUIRE(monotonic_now() < give_up);
    CHECK_FALSE(has_open(looking, ours));
}

TEST_CASE("starts are compared as exactly as /proc tells them") {
    CHECK(same_start(1'000'000'001, 1'009'999'999));
    CHECK_FALSE(same_start(1'009'999'999, 1'010'000'000));
}
