#include "io/signals.hpp"

#include "io/errno.hpp"

#include <array>
#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace nezuban {

Result<SignalFd> SignalFd::open() {
    sigset_t set{};
    ::sigemptyset(&set);
    for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD})
        ::sigaddset(&set, signal);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("blocking signals");
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return fail_errno("creating a signal descriptor");
    return SignalFd(std::move(fd));
}

std::vector<int> SignalFd::read() const {
    std::vector<int> signals;
    std::array<signalfd_siginfo, 8> infos{};
    for (;;) {
        auto size = ::read(fd_.get(), infos.data(), sizeof infos);
        if (size <= 0) return signals;
        auto count = static_cast<std::size_t>(size) / sizeof infos[0];
        for (std::size_t i = 0; i < count; ++i)
            signals.push_back(static_cast<int>(infos.at(i).ssi_signo));
        if (count < infos.size()) return signals;
    }
}

void ignore_signals() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ})
        ::sigaction(signal, &ignore, nullptr);
}

} // namespace nezuban
