// Programs that are stuck, each in its own way, and their healthy twins.
//
//   nzstuck KIND [ARGUMENT…] [--name X] [--life SECONDS]
//
// Stuck; commands are lines of standard input, "release" ends it
//   vfork            a thread in D (killable) until its child ends
//   fsfreeze DIR     makes a file system in DIR, on a loop device and in a mount namespace of its own; the child named
//   X
//                    sits in it. "freeze", "write" (the child is in D, unkillable), "thaw"
//   memory DIR       the child named X ("holder") holds the lock of its memory from "hold" until "release": whoever
//                    reads its command line waits. DIR becomes a file system, seen by nobody else
//   stopped          stops itself
//   spin             one thread burns CPU in no system call, among three that tick
//   silent           ticks every 100 ms; "stop", "resume"
//   heartbeat [FILE] touches FILE, or says WATCHDOG=1 to $NOTIFY_SOCKET, every 100 ms; "stop", "resume"
//   noaccept [PATH]  listens (TCP, or a Unix socket), accepts nothing until "release"
//   noread [PATH]    accepts, reads nothing until "release"
//   udp              its datagrams stay where they are until "release"
//
// Not stuck
//   idle-epoll idle-poll idle-select idle-accept idle-recv   servers that give back what they get
//   spin-syscall     burns CPU, but talks with the kernel
//   waits-for-child  in waitpid;  sleeper  in nanosleep;  pipeline  blocked on a slow reader
//   threads N        N threads that pause
#include "hang/frozen.hpp"
#include "hang/held_memory.hpp"
#include "hang/scene.hpp"
#include "hang/sockets.hpp"

#include <atomic>
#include <functional>

#include <sys/stat.h>
#include <sys/time.h>

namespace {

constexpr const char* usage = "nzstuck KIND [ARGUMENT...] [--name X] [--life SECONDS]   (see nzstuck.cpp)";
constexpr long most_threads = 2000;
constexpr int tick_ms = 100;

// Until the end of input; each command that means something is answered.
void obey(const std::function<bool(const std::string&)>& done) {
    std::string line;
    while (nz::read_line(line)) {
        if (done(line)) nz::say(R"({"event": "done", "command": "%s"})", nz::quoted(line).c_str());
    }
}

// --- stuck ------------------------------------------------------------------------------------------------------

void in_vfork() {
    static int ends[2];
    static std::atomic<pid_t> child = 0;
    nz::must(pipe2(ends, O_CLOEXEC), "pipe");
    const pid_t tid = nz::in_thread("vforker", [] {
        const pid_t parent = getpid();
        // It is what this is about.
        const pid_t pid = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork,bugprone-unsafe-functions)
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent) _exit(0);
            prctl(PR_SET_NAME, "nz-vforked");
            child = getpid();
            char byte = 0;
            (void)!read(ends[0], &byte, 1);
            _exit(0);
        }
        waitpid(pid, nullptr, 0);
        pause();
    });
    nz::await_state(getpid(), tid, 'D');
    nz::say(R"({"event": "ready", "pid": %d, "tid": %d, "child": %d})", getpid(), tid, child.load());
    obey([](const std::string& line) { return line == "release" && write(ends[1], "", 1) == 1; });
}

void stopped() {
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    raise(SIGSTOP);
    obey([](const std::string&) { return true; });
}

void healthy_ticker() {
    for (;;)
        usleep(tick_ms * 1000);
}

void spinning(bool with_syscalls) {
    static std::atomic<bool> on = true;
    for (int at = 0; at < 3; ++at)
        nz::in_thread("ticker", healthy_ticker);
    const pid_t tid = nz::in_thread("spinner", [with_syscalls] {
        while (on) {
            if (with_syscalls) syscall(SYS_getppid);
        }
        pause();
    });
    nz::say(R"({"event": "ready", "pid": %d, "tid": %d})", getpid(), tid);
    obey([](const std::string& line) {
        on = line != "release";
        return !on;
    });
}

// Does something every tick, unless it was told to stop.
void ticking(const std::function<void()>& tick) {
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    bool on = true;
    for (std::string line;;) {
        pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
        if (poll(&input, 1, on ? tick_ms : -1) > 0) {
            if (!nz::read_line(line)) return;
            on = line != "stop";
            nz::say(R"({"event": "done", "command": "%s"})", nz::quoted(line).c_str());
        }
        if (on) tick();
    }
}

void touch(const std::string& path) {
    const int fd = nz::must(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "opening the heartbeat's file");
    futimens(fd, nullptr);
    close(fd);
}

std::function<void()> beat_of(const std::string& path) {
    if (!path.empty()) {
        touch(path);
        return [path] { touch(path); };
    }
    const char* socket_path = getenv("NOTIFY_SOCKET");
    if (socket_path == nullptr) nz::give_up("no NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(address.sun_path));
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int fd = nz::must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    return [fd, address, size] {
        constexpr char beat[] = "WATCHDOG=1";
        sendto(fd, beat, sizeof beat - 1, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&address), size);
    };
}

void without_accept(const std::string& path) {
    const nz::Endpoint end = nz::listening(path);
    nz::say_ready(end);
    obey([&](const std::string& line) {
        if (line != "release") return false;
        nz::serve_with_accept(end.fd);
        return true;
    });
}

void without_read(const std::string& path) {
    const nz::Endpoint end = nz::listening(path);
    static std::atomic<int> client = -1;
    nz::in_thread("acceptor", [listener = end.fd] { client = nz::accepted(listener); });
    nz::say_ready(end);
    obey([](const std::string& line) {
        if (line != "release" || client < 0) return false;
        nz::in_thread("reader", [] {
            while (nz::echo(client)) {
            }
        });
        return true;
    });
}

void without_recv(bool receives) {
    const nz::Endpoint end = nz::bound(SOCK_DGRAM);
    const auto receive = [fd = end.fd] {
        nz::in_thread("receiver", [fd] {
            char bytes[4096];
            while (recv(fd, bytes, sizeof bytes, 0) >= 0) {
            }
        });
    };
    if (receives) receive();
    nz::say_ready(end);
    obey([&](const std::string& line) {
        if (line != "release") return false;
        receive();
        return true;
    });
}

// --- not stuck --------------------------------------------------------------------------------------------------

void serve(void (*how)(int)) {
    const nz::Endpoint end = nz::listening();
    nz::say_ready(end);
    how(end.fd);
}

void waits_for_child() {
    const pid_t child = fork();
    if (child < 0) nz::give_up("fork");
    if (child == 0) {
        nz::die_with(getppid());
        nz::wait_for_end_of_input();
        _exit(0);
    }
    nz::say(R"({"event": "ready", "pid": %d, "child": %d})", getpid(), child);
    waitpid(child, nullptr, 0);
}

void sleeps() {
    nz::in_thread("sleeper", [] {
        timespec long_enough{.tv_sec = nz::longest_life_s, .tv_nsec = 0};
        nanosleep(&long_enough, nullptr);
    });
}

// One thread fills a pipe, the other takes a byte of it now and then.
void pipeline() {
    static int ends[2];
    nz::must(pipe2(ends, O_CLOEXEC), "pipe");
    nz::in_thread("writer", [] {
        const std::string much(1U << 20U, 'x');
        while (write(ends[1], much.data(), much.size()) > 0) {
        }
    });
    nz::in_thread("reader", [] {
        char byte = 0;
        while (read(ends[0], &byte, 1) == 1)
            usleep(tick_ms * 1000);
    });
}

void play(const nz::Scene& scene) {
    const auto& kind = scene.kind;
    const std::string path = scene.word(0, "");
    const auto say_it = [] { nz::say(R"({"event": "ready", "pid": %d})", getpid()); };
    if (kind == "vfork")
        in_vfork();
    else if (kind == "fsfreeze")
        nz::freezer(path, scene.name);
    else if (kind == "memory")
        nz::memory_holder(path, scene.name);
    else if (kind == "stopped")
        stopped();
    else if (kind == "spin")
        spinning(false);
    else if (kind == "spin-syscall")
        spinning(true);
    else if (kind == "silent")
        ticking([] {});
    else if (kind == "heartbeat")
        ticking(beat_of(path));
    else if (kind == "noaccept")
        without_accept(path);
    else if (kind == "noread")
        without_read(path);
    else if (kind == "udp")
        without_recv(false);
    else if (kind == "idle-epoll")
        serve(nz::serve_with_epoll);
    else if (kind == "idle-poll")
        serve(nz::serve_with_poll);
    else if (kind == "idle-select")
        serve(nz::serve_with_select);
    else if (kind == "idle-accept")
        serve(nz::serve_with_accept);
    else if (kind == "idle-recv")
        without_recv(true);
    else if (kind == "waits-for-child")
        waits_for_child();
    else if (kind == "sleeper")
        sleeps(), say_it();
    else if (kind == "pipeline")
        pipeline(), say_it();
    else if (kind == "threads") {
        for (long at = scene.number(0, "1", most_threads, usage); at > 0; --at) {
            nz::in_thread("idle", [] {
                for (;;)
                    pause();
            });
        }
        say_it();
    } else
        nz::number_or_usage(nullptr, usage);
}

} // namespace

int main(int argc, char** argv) {
    const nz::Scene scene = nz::scene_from(argc, argv, usage);
    // Whoever froze a file system has to thaw it, whatever became of the test.
    if (scene.kind != "fsfreeze") nz::die_with(getppid());
    nz::live_at_most(scene.life);
    if (scene.kind != "fsfreeze") nz::rename_to(scene.name);
    play(scene);
    nz::wait_for_end_of_input();
    _exit(0);
}
