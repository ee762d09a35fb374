// Knowing that a thread is where it was meant to be. Nothing tells: it is looked for, each millisecond.
#pragma once

#include <cstdio>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace nz {

inline std::string proc_text(pid_t pid, pid_t tid, const char* file) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/task/%d/%s", pid, tid, file);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[512];
    const ssize_t got = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : std::string();
}

// Waits until the thread sleeps in this system call.
inline void await_in(pid_t pid, pid_t tid, long number) {
    const std::string begin = std::to_string(number) + " ";
    while (proc_text(pid, tid, "syscall").compare(0, begin.size(), begin) != 0)
        usleep(1000);
}

// Waits until the thread is in this state: 'D', 'T', ...
inline void await_state(pid_t pid, pid_t tid, char state) {
    for (;;) {
        const std::string stat = proc_text(pid, tid, "stat");
        const auto close = stat.rfind(')');
        if (close != std::string::npos && close + 2 < stat.size() && stat[close + 2] == state) return;
        usleep(1000);
    }
}

} // namespace nz
