// A member of a group as its commands see it; each says in one line, in one write, what took it how long:
// "VERB NAME BEGAN_NS ENDED_NS", by CLOCK_MONOTONIC.
//
//   nzmember start NAME FOLDER WORK_MS up           returns when the service is up, which takes it WORK_MS
//   nzmember start NAME FOLDER WORK_MS at-once      returns at once; the service tells when it is ready
//   nzmember start NAME FOLDER WORK_MS at-once PORT ... and listens there, at 127.0.0.1, from then on
//   nzmember stop NAME FOLDER                       returns when the service has ended
//   nzmember ready NAME FOLDER                      0: it is ready
//
// FOLDER has two named pipes: `marks` for the lines, and `leash`, whose end is the end of the service.
#include "nz.hpp"

#include <ctime>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace {

long long now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

struct Member {
    std::string name;
    std::string folder;

    [[nodiscard]] std::string file(const std::string& kind) const {
        return folder + "/" + kind + "-" + name;
    }
    void mark(const char* verb, long long began) const {
        const int pipe = open((folder + "/marks").c_str(), O_WRONLY | O_CLOEXEC);
        char line[256];
        const int length = std::snprintf(line, sizeof line, "%s %s %lld %lld\n", verb, name.c_str(), began, now_ns());
        if (pipe < 0 || write(pipe, line, static_cast<std::size_t>(length)) != length) nz::give_up("marking");
        close(pipe);
    }
};

void work(long ms) {
    timespec span{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
    while (nanosleep(&span, &span) != 0 && errno == EINTR) {
    }
}

int listen_at(const char* port) {
    const int one = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0
        || bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
        || listen(listener, 64) != 0)
        nz::give_up("listening");
    return listener;
}

[[noreturn]] void serve(int leash, int listener) {
    for (;;) {
        pollfd entries[2]{{.fd = leash, .events = POLLIN, .revents = 0},
                          {.fd = listener, .events = POLLIN, .revents = 0}};
        if (poll(entries, 2, -1) < 0) continue;
        if (entries[0].revents != 0) _exit(0);
        if (entries[1].revents != 0) close(accept(listener, nullptr, nullptr));
    }
}

void note_pid(const Member& member) {
    const int file = open(member.file("pid").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char text[16];
    const int length = std::snprintf(text, sizeof text, "%d", getpid());
    if (file < 0 || write(file, text, static_cast<std::size_t>(length)) != length) nz::give_up("noting the pid");
    close(file);
}

int start(const Member& member, long work_ms, bool returns_when_up, const char* port, long long began) {
    unlink(member.file("ready").c_str());
    int up[2];
    if (pipe2(up, O_CLOEXEC) != 0) nz::give_up("pipe");
    const pid_t child = fork();
    if (child < 0) nz::give_up("fork");
    if (child == 0) {
        setsid();
        nz::live_at_most(nz::longest_life_s);
        const int leash = open((member.folder + "/leash").c_str(), O_RDONLY | O_CLOEXEC);
        if (leash < 0) nz::give_up("opening the leash");
        note_pid(member);
        nz::rename_to(member.name.c_str());
        close(up[0]);
        if (!returns_when_up) close(up[1]);
        work(work_ms);
        const int listener = port != nullptr ? listen_at(port) : -1;
        close(open(member.file("ready").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        member.mark("start", began);
        if (returns_when_up) close(up[1]);
        serve(leash, listener);
    }
    close(up[1]);
    char none = 0;
    (void)!read(up[0], &none, 1); // its end
    return 0;
}

int stop(const Member& member, long long began) {
    const int file = open(member.file("pid").c_str(), O_RDONLY | O_CLOEXEC);
    char text[16]{};
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) nz::give_up("reading the pid");
    const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, std::atoi(text), 0));
    if (pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, nullptr, 0) == 0) {
        pollfd entry{.fd = pidfd, .events = POLLIN, .revents = 0};
        (void)poll(&entry, 1, 10'000);
    }
    member.mark("stop", began);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const long long began = now_ns();
    const char* usage = "nzmember start|stop|ready NAME FOLDER [WORK_MS up|at-once [PORT]]";
    if (argc < 4) nz::number_or_usage(nullptr, usage);
    const std::string verb = argv[1];
    const Member member{.name = argv[2], .folder = argv[3]};
    if (verb == "stop") return stop(member, began);
    if (verb == "ready") return access(member.file("ready").c_str(), F_OK) == 0 ? 0 : 1;
    if (verb != "start" || argc < 6) nz::number_or_usage(nullptr, usage);
    const bool waits = std::string(argv[5]) == "up";
    return start(member, nz::number_or_usage(argv[4], usage), waits, argc > 6 ? argv[6] : nullptr, began);
}
