// The event stream as text: JSON, one object a line. The first line is the header:
//
//   {"nezuban_record":1,"started":"2026-03-01T12:00:00.000000000Z","wall_ns":1772366400000000000,"monotonic_ns":52000}
//
// Every other line is an event of the kernel, "t" nanoseconds after the start:
//
//   {"t":0,"event":"snapshot_begin"}
//   {"t":10,"event":"snapshot_task","pid":1,"start":0,"ppid":0,"uid":0,"gid":0,"comm":"init","kernel":false,
//    "cgroup_key":1,"exe":"/sbin/init","args":["/sbin/init"],"cgroups":["0::/"],"dying":false,"zombie":false}
//   {"t":20,"event":"snapshot_end","complete":true}
//   {"t":30,"event":"fork", ... as a task ..., "parent_pid":1,"parent_start":0}
//   {"t":40,"event":"exec", ... as a task ..., "args_cut":false}
//   {"t":45,"event":"change", ... as a task ...}
//   {"t":50,"event":"exit","pid":7,"start":99,"known":true,"exit_code":0,"signal":9,"core":false,"oom":false,
//    "sender_pid":1,"sender_uid":0,"sender_signal":9,"sender_comm":"init"}
//   {"t":60,"event":"lost","fork":0,"exec":0,"exit":3,"change":0}
//   {"t":70,"event":"scan","complete":true,"sockets_seen":true,"threads":[...],"sockets":[...]}: record_waits.hpp
//   {"t":80,"event":"stalled","pid":7,"start":99,"tid":8,"off_ns":0}
//   {"t":90,"event":"beat","pid":7}
//
// "exe", "args" and "cgroups" are absent when they were not known. "args_open":true says that the last argument is
// not ended by NUL; "cgroups_open":true that the last line isn't ended. Strings keep every byte: replay/bytes.hpp.
// Fields that are not known here are let pass, so that an older nezuban reads a newer one's record.
#pragma once

#include "core/event.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace nezuban {

inline constexpr std::size_t record_line_max = 8U << 20U; // bytes; a scan in which 20,000 threads are suspicious

struct TimedEvent {
    Duration since_start{};
    Event event;
};

// With the newline.
[[nodiscard]] std::string record_header(const ClockPair& start);

// With the newline. Empty for what does not come from the kernel: results of commands and signals aren't recorded.
[[nodiscard]] std::string to_line(const Event& event, Time time, Time start);

// When and where on the clocks the record was begun.
[[nodiscard]] Result<ClockPair> parse_record_header(std::string_view line);

[[nodiscard]] Result<TimedEvent> parse_line(std::string_view line);

} // namespace nezuban
