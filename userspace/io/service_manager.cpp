#include "io/service_manager.hpp"

#include "core/number.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace nezuban {

namespace {

Fd open_socket() {
    return Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

std::optional<std::uint64_t> number_of(const char* variable) {
    const char* text = std::getenv(variable);
    return text == nullptr ? std::nullopt : number_in<std::uint64_t>(text);
}

} // namespace

ServiceManager::ServiceManager() {
    const char* name = std::getenv("NOTIFY_SOCKET");
    if (name == nullptr) return;
    std::string path(name);
    if (path.size() < 2 || path.size() >= sizeof(sockaddr_un::sun_path) || (path[0] != '/' && path[0] != '@')) return;
    if (path[0] == '@') path[0] = '\0'; // an abstract one: its name has no end but the size
    address_ = std::move(path);
    socket_ = open_socket();
}

// sd_notify waits when the other side's queue is full, and a service manager that hangs would take us with it.
bool ServiceManager::tell(const std::string& state) {
    if (address_.empty()) return true;
    if (!socket_) socket_ = open_socket();
    if (!socket_) return false;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, address_.data(), address_.size());
    const auto size = offsetof(sockaddr_un, sun_path) + address_.size() + (address_[0] == '\0' ? 0 : 1);
    const auto sent = ::sendto(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
    return sent >= 0 || errno != EAGAIN;
}

bool ServiceManager::tell_ready(const std::string& status) {
    return tell("READY=1\nSTATUS=" + status);
}

void ServiceManager::tell_reloading(Time now) {
    const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void ServiceManager::tell_stopping() {
    tell("STOPPING=1");
}

void ServiceManager::tell_status(const std::string& status) {
    tell("STATUS=" + status);
}

bool ServiceManager::tell_alive() {
    return tell("WATCHDOG=1");
}

std::optional<Duration> watchdog_interval() {
    const auto pid = number_of("WATCHDOG_PID");
    const auto microseconds = number_of("WATCHDOG_USEC");
    if (!microseconds || *microseconds == 0 || (pid && *pid != static_cast<std::uint64_t>(::getpid())))
        return std::nullopt;
    return std::chrono::microseconds(*microseconds / 2);
}

} // namespace nezuban
