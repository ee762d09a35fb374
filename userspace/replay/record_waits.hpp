// A wait scan within a line of a record. Fields that say nothing (zero, false, empty) are left out.
//
//   "threads":[{"pid":7,"start":99,"tid":8,"thread_start":120,"comm":"scand","state":"S","off_ns":4000000000,"voluntary":7,
//               "call":202,"call_name":"futex","a0":140,"a1":128,"a2":2,"lock":140,"lock_kind":1,"owner_tid":9,"owner_pid":7}]
//   "sockets":[{"pid":7,"start":99,"fd":4,"inode":4711,"netns":1,"kind":0,"length":3,"limit":128,"mark":77,"accepts":true,
//               "local":"127.0.0.1:25"}]
//   "beats":[{"path":"/run/x","touched_ns":-1000}]
//   "silences":[{"pid":7,"start":99,"silent_ns":1,"longest_ns":1,"usual_ns":1}]
#pragma once

#include "core/wait.hpp"
#include "replay/fields.hpp"

#include <nlohmann/json.hpp>

namespace nezuban {

// Times of beats are told from the start of the record on: who reads them has to add it (begin_at).
void write_scan(nlohmann::ordered_json& object, const WaitScan& scan, Time start);
[[nodiscard]] WaitScan read_scan(replay_fields::Fields& fields);
void begin_at(WaitScan& scan, Time start);

} // namespace nezuban
