// What can't be undone, and so is done in a process of its own.
#pragma once

#include "fd.hpp"

#include <array>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nezuban::test {

// Returns what `ask` returned there; empty when that process died of it.
inline std::string apart(const std::function<std::string()>& ask) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe can be made");
    const Fd ours(ends[0]);
    Fd theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const std::string text = ask();
        (void)!::write(theirs.get(), text.data(), text.size());
        ::_exit(0);
    }
    theirs = Fd();
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t got = 0; (got = ::read(ours.get(), piece.data(), piece.size())) > 0;)
        text.append(piece.data(), static_cast<std::size_t>(got));
    ::waitpid(pid, nullptr, 0);
    return text;
}

// From now on what this process mounts is seen by nobody else. False: it may not.
inline bool take_own_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

} // namespace nezuban::test
