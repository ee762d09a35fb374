#include "io/loop.hpp"

#include "io/errno.hpp"

#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace nezuban {

static_assert(ready::in == EPOLLIN && ready::out == EPOLLOUT && ready::error == EPOLLERR && ready::hangup == EPOLLHUP);

namespace {

constexpr std::uint64_t timer_token = 0;
constexpr std::size_t batch = 64;

int control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t token) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    return ::epoll_ctl(epoll, operation, fd, &event);
}

} // namespace

Result<Loop> Loop::create() {
    Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return fail_errno("creating an epoll instance");
    // A timerfd, because epoll_wait counts milliseconds and epoll_pwait2 is younger than 5.10.
    Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer) return fail_errno("creating a timer");
    if (control(epoll.get(), EPOLL_CTL_ADD, timer.get(), EPOLLIN, timer_token) != 0) {
        return fail_errno("watching the timer");
    }
    return Loop(std::move(epoll), std::move(timer));
}

Result<void> Loop::watch(int fd, std::uint32_t events, Callback callback) {
    forget(fd);
    auto token = next_token_++;
    if (control(epoll_.get(), EPOLL_CTL_ADD, fd, events, token) != 0) {
        return fail_errno("watching descriptor " + std::to_string(fd));
    }
    auto shared = std::make_shared<Callback>(std::move(callback));
    watchers_[fd] = {.token = token, .events = events, .callback = shared};
    by_token_[token] = std::move(shared);
    return {};
}

Result<void> Loop::modify(int fd, std::uint32_t events) {
    auto found = watchers_.find(fd);
    if (found == watchers_.end()) return fail("descriptor " + std::to_string(fd) + " isn't watched", ENOENT);
    if (found->second.events == events) return {};
    // Out of the set, not in it for nothing: for errors, epoll wakes us at each thing that happens to a descriptor.
    const int operation = events == 0 ? EPOLL_CTL_DEL : (found->second.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
    if (control(epoll_.get(), operation, fd, events, found->second.token) != 0) {
        return fail_errno("watching descriptor " + std::to_string(fd));
    }
    found->second.events = events;
    return {};
}

void Loop::forget(int fd) {
    auto found = watchers_.find(fd);
    if (found == watchers_.end()) return;
    if (found->second.events != 0) control(epoll_.get(), EPOLL_CTL_DEL, fd, 0, 0);
    by_token_.erase(found->second.token);
    watchers_.erase(found);
}

Result<void> Loop::arm(std::optional<Time> deadline) {
    if (deadline == armed_) return {};
    itimerspec when{};
    if (deadline) {
        // A zero would disarm it: a deadline at or before the clock's own beginning is simply the earliest possible.
        auto since = std::max<std::int64_t>(deadline->time_since_epoch().count(), 1);
        when.it_value.tv_sec = since / 1'000'000'000;
        when.it_value.tv_nsec = since % 1'000'000'000;
    }
    if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0) return fail_errno("setting the timer");
    armed_ = deadline;
    return {};
}

Result<void> Loop::step(std::optional<Time> deadline) {
    if (auto result = arm(deadline); !result) return result;
    std::array<epoll_event, batch> events{};
    int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0) {
        if (errno == EINTR) return {};
        return fail_errno("waiting for events");
    }
    for (int i = 0; i < count; ++i) {
        const auto& event = events.at(static_cast<std::size_t>(i));
        if (event.data.u64 == timer_token) {
            std::uint64_t expirations = 0;
            [[maybe_unused]] auto size = ::read(timer_.get(), &expirations, sizeof expirations);
            armed_.reset();
            continue;
        }
        auto found = by_token_.find(event.data.u64);
        if (found == by_token_.end()) continue;
        auto callback = found->second;
        (*callback)(event.events);
    }
    return {};
}

} // namespace nezuban
