// A hang, with its evidence. docs/reference/hangs.md says what each kind means and proves.
#pragma once

#include "core/fact.hpp"
#include "core/identity.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

enum class HangKind { uninterruptible, stopped, deadlock, lock_wait, unserved, spinning, silent, heartbeat, probe };

[[nodiscard]] constexpr std::string_view name_of(HangKind kind) {
    switch (kind) {
    case HangKind::uninterruptible: return "uninterruptible";
    case HangKind::stopped: return "stopped";
    case HangKind::deadlock: return "deadlock";
    case HangKind::lock_wait: return "lock_wait";
    case HangKind::unserved: return "unserved";
    case HangKind::spinning: return "spinning";
    case HangKind::silent: return "silent";
    case HangKind::heartbeat: return "heartbeat";
    case HangKind::probe: return "probe";
    }
    return "";
}

struct Finding {
    HangKind kind = HangKind::silent;
    Identity process;
    std::uint32_t tid = 0; // the thread it is about; 0: the process as a whole
    std::uint64_t thread_start_ns = 0;
    std::vector<std::uint32_t> others = {}; // threads in the same place, told with it
    Time since;                             // when the wait began
    std::string reason;                     // one sentence: "tid 77 in D for 41 s in write on /mnt/x (8:16)"
    Facts evidence;
    // What makes it the same finding in the next scan: kind, thread, lock or socket.
    std::string key;
    bool restartable = true; // false: told, but never acted on (somebody is debugging it)
};

} // namespace nezuban
