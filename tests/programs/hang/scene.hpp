// What the programs that hang share: their command line, threads with names, and knowing that a thread is where it was
// meant to get stuck. "ready" must not be said before.
#pragma once

#include "../nz.hpp"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include <sys/syscall.h>

namespace nz {

struct Scene {
    std::string kind;
    std::vector<std::string> words; // that follow the kind
    const char* name = nullptr;
    unsigned life = default_life_s;

    [[nodiscard]] std::string word(std::size_t at, const char* otherwise) const {
        return at < words.size() ? words[at] : otherwise;
    }
    [[nodiscard]] long number(std::size_t at, const char* otherwise, long most, const char* usage) const {
        const long value = number_or_usage(word(at, otherwise).c_str(), usage);
        return value <= most ? value : number_or_usage(nullptr, usage);
    }
};

// KIND [WORD…] [--name X] [--life SECONDS]
inline Scene scene_from(int argc, char** argv, const char* usage) {
    Scene scene;
    scene.kind = argc > 1 ? argv[1] : "";
    for (int at = 2; at < argc; ++at) {
        const std::string word = argv[at];
        const bool last = at + 1 == argc;
        if (word == "--name" && !last) {
            scene.name = argv[++at];
        } else if (word == "--life" && !last) {
            scene.life = static_cast<unsigned>(number_or_usage(argv[++at], usage));
        } else {
            scene.words.push_back(word);
        }
    }
    return scene;
}

inline pid_t own_tid() {
    return static_cast<pid_t>(syscall(SYS_gettid)); // NOLINT(cppcoreguidelines-pro-type-vararg)
}

// The thread is never joined: these programs end as a whole. Its name is set when this returns.
template <typename Work> pid_t in_thread(const std::string& name, Work work) {
    std::promise<pid_t> started;
    auto tid = started.get_future();
    std::thread([name, work, &started]() mutable {
        rename_to(name.c_str());
        started.set_value(own_tid());
        work();
    }).detach();
    return tid.get();
}

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
