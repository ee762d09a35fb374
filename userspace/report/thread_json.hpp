// Threads and sockets, as a wait scan saw them, as JSON.
#pragma once

#include "core/time.hpp"
#include "core/wait.hpp"

#include <nlohmann/json_fwd.hpp>

namespace nezuban {

// off_cpu: for how long it has been off its processor.
[[nodiscard]] nlohmann::ordered_json thread_json(const ThreadWait& wait, Duration off_cpu);
// waiting: for how long its queue is known not to have been emptied.
[[nodiscard]] nlohmann::ordered_json socket_json(const SocketQueue& socket, Duration waiting);

} // namespace nezuban
