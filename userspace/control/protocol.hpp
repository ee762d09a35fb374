// What goes over the control socket: one line of JSON asks, one line of JSON answers, then the server closes.
//
//   {"verb":"pause","names":["scanner"],"for_ms":600000}
//   {"ok":true,"exit_code":0,"lines":["scanner: paused for 10m"]}
//
// An answer may carry "error" (when not ok) and "json" (the machine's form of the answer, any JSON value).
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

inline constexpr std::size_t request_size_max = 64U << 10U; // bytes, with the newline
inline constexpr std::size_t response_size_max = 64U << 20U;
inline constexpr int exit_refused = 1; // the answer is no, or the operation failed
inline constexpr int exit_usage = 2;
inline constexpr int exit_unreachable = 3;
inline constexpr int exit_not_permitted = 4;

struct Request {
    enum class Verb { status, reload, pause, resume, restart, reset };
    Verb verb = Verb::status;
    std::vector<std::string> names; // status: any number, none means all; reload: none; the others: one
    std::optional<Duration> hold;   // pause: for how long; absent: until resumed

    friend bool operator==(const Request&, const Request&) = default;
};

[[nodiscard]] std::string_view name_of(Request::Verb verb);

struct Response {
    bool ok = true;
    std::string error;              // one sentence; empty when ok
    int exit_code = 0;              // the client ends with it
    std::string json;               // one valid JSON value without a newline, or empty
    std::vector<std::string> lines; // for people

    friend bool operator==(const Response&, const Response&) = default;
};

[[nodiscard]] Response refusal(std::string error, int exit_code = exit_refused);

// Nothing here throws, whatever it is given. Lines are read with or without their newline and written with it.
[[nodiscard]] Result<Request> parse_request(std::string_view line);
[[nodiscard]] std::string to_line(const Request& request);
[[nodiscard]] Result<Response> parse_response(std::string_view line);
[[nodiscard]] std::string to_line(const Response& response);

} // namespace nezuban
