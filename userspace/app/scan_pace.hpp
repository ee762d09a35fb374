// How often hangs may be looked for, given what a look costs: on a host of 20,000 processes every few seconds.
#pragma once

#include "core/time.hpp"

#include <algorithm>

namespace nezuban {

// A wait scan walks every thread (0.8 µs each) and every descriptor (0.5 µs). Together that may take a hundredth of a
// core: six tenths of that for the threads, so that with 20,000 of them a deadlock is still found within three seconds.
// What a threshold asks for is looked at when it is due.
constexpr int thread_share = 160;
constexpr int socket_share = 270;
// From /proc a thread costs ten times as much: then they may take three hundredths, and 20,000 are looked at every 15
// s.
constexpr int thread_share_of_proc = 33;

// From one look at all threads, or at all sockets, to the next.
[[nodiscard]] constexpr Duration next_thread_scan_after(Duration every, Duration cost, bool by_bpf = true) {
    return std::max(every, cost * (by_bpf ? thread_share : thread_share_of_proc));
}
[[nodiscard]] constexpr Duration next_socket_scan_after(Duration every, Duration cost) {
    return std::max(every, cost * socket_share);
}

// Of one that always looks at both.
[[nodiscard]] constexpr Duration next_whole_scan_after(Duration every, Duration cost) {
    constexpr int share = 100;
    return std::max(every, cost * share);
}

} // namespace nezuban
