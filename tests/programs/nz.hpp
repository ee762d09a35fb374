// What all helper programs share: they die with the test that started them, they say what they did as one JSON object a
// line, and they never outlive their limit.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <climits>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nz {

constexpr unsigned default_life_s = 120; // then SIGALRM ends the program
constexpr unsigned longest_life_s = 600;
constexpr long most_children = 25'000;

// To be called first in every main. stdout may be a pipe that nobody reads any more: that kills nobody.
inline void live_at_most(unsigned seconds) {
    std::signal(SIGPIPE, SIG_IGN);
    alarm(seconds < longest_life_s ? seconds : longest_life_s);
}

// The calling process dies with the thread that forked it. parent: the pid that has to be the parent still, because
// it may have died before this call. To be repeated after a change of credentials, which clears it.
inline void die_with(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
}

inline void rename_to(const char* name) {
    if (name != nullptr && *name != '\0') prctl(PR_SET_NAME, name);
}

// One answer in one write, so that lines of several processes never mix.
[[gnu::format(printf, 1, 2)]] inline void say(const char* format, ...) {
    char line[8192];
    va_list list;
    va_start(list, format);
    int length = std::vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    if (length < 0) return;
    if (length > static_cast<int>(sizeof line) - 2) length = static_cast<int>(sizeof line) - 2;
    line[length] = '\n';
    (void)!write(STDOUT_FILENO, line, static_cast<std::size_t>(length) + 1);
}

[[noreturn]] inline void give_up(const char* what) {
    say(R"({"event": "error", "what": "%s", "errno": %d, "text": "%s"})", what, errno, std::strerror(errno));
    std::exit(1);
}

// A child that waits until it is killed, or its parent ends. It has its name when this returns; none: its parent's.
inline pid_t fork_waiting(const char* name) {
    const pid_t self = getpid();
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) give_up("pipe");
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) {
        die_with(self);
        rename_to(name);
        alarm(longest_life_s);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    char byte = 0;
    (void)!read(ready[0], &byte, 1); // its end: the child has its name
    close(ready[0]);
    return child;
}

// For text inside a JSON string.
inline std::string quoted(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
    return out;
}

// One line of standard input without its newline; false at its end. Byte by byte: what comes after the line belongs to
// whatever program this process becomes.
inline bool read_line(std::string& line) {
    line.clear();
    char c = 0;
    for (;;) {
        const ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return !line.empty();
        if (c == '\n') return true;
        line += c;
    }
}

inline void wait_for_end_of_input() {
    std::string line;
    while (read_line(line)) {
    }
}

// "WORD rest" -> rest, when the line begins with the word.
inline bool is_command(const std::string& line, const char* word, std::string& rest) {
    const std::size_t length = std::strlen(word);
    if (line.compare(0, length, word) != 0 || (line.size() > length && line[length] != ' ')) return false;
    rest = line.size() > length ? line.substr(length + 1) : std::string();
    return true;
}

inline long number_or_usage(const char* text, const char* usage) {
    char* end = nullptr;
    errno = 0;
    const long value = text != nullptr ? std::strtol(text, &end, 10) : 0;
    if (text == nullptr || end == text || *end != '\0' || errno != 0 || value < 0) {
        std::fprintf(stderr, "usage: %s\n", usage);
        std::exit(2);
    }
    return value;
}

// The program of that name in the folder of the running one.
inline std::string sibling(const char* name) {
    char path[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0 || length == sizeof path) give_up("reading /proc/self/exe");
    const std::string self(path, static_cast<std::size_t>(length));
    return self.substr(0, self.rfind('/') + 1) + name;
}

} // namespace nz
