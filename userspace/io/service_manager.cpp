#include "io/service_manager.hpp"

#include "core/number.hpp"
#include "io/fd.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace nezuban {

namespace {

// sd_notify waits when the other side's queue is full, and a service manager that hangs would take us with it.
bool notify(const std::string& state) {
    const char* name = std::getenv("NOTIFY_SOCKET");
    if (name == nullptr) return true;
    const std::string_view path(name);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() < 2 || path.size() >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return true;
    std::memcpy(address.sun_path, path.data(), path.size());
    auto size = offsetof(sockaddr_un, sun_path) + path.size();
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; // an abstract one: its name has no end but the size
    } else {
        ++size;
    }
    const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return false;
    const auto sent = ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
    return sent >= 0 || errno != EAGAIN;
}

std::optional<std::uint64_t> number_of(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? std::nullopt : number_in<std::uint64_t>(text);
}

} // namespace

bool tell_ready(const std::string& status) {
    return notify("READY=1\nSTATUS=" + status);
}

void tell_reloading(Time now) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void tell_stopping() {
    notify("STOPPING=1");
}

void tell_status(const std::string& status) {
    notify("STATUS=" + status);
}

void tell_alive() {
    notify("WATCHDOG=1");
}

std::optional<Duration> watchdog_interval() {
    const auto pid = number_of("WATCHDOG_PID");
    const auto microseconds = number_of("WATCHDOG_USEC");
    if (!microseconds || *microseconds == 0 || (pid && *pid != static_cast<std::uint64_t>(::getpid())))
        return std::nullopt;
    return std::chrono::microseconds(*microseconds / 2);
}

} // namespace nezuban
