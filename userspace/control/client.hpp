// The control socket's asking end.
#pragma once

#include "control/protocol.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

#include <string>

namespace nezuban {

// Connecting, asking and the whole answer within `timeout`. That the daemon refused is an answer (Response::ok is
// false); an Error means that there was none.
[[nodiscard]] Result<Response> ask(const std::string& socket_path, const Request& request, Duration timeout);

// How a verb ends that got no answer: exit_not_permitted or exit_unreachable.
[[nodiscard]] int exit_code_of(const Error& error);

} // namespace nezuban
