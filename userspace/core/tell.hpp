// Sentences for people, from values.
#pragma once

#include "core/process.hpp"
#include "core/spec.hpp"

#include <cstdint>
#include <string>

namespace nezuban {

// "was killed by SIGKILL, sent by bash (pid 77, uid 0)", "exited with code 3", "is gone, nobody saw how".
[[nodiscard]] std::string tell(const Cause& cause);

// "1.5 s", "3 min", "250 ms": rounded for reading.
[[nodiscard]] std::string tell(Duration duration);

// "3 running, at least 5 wanted".
[[nodiscard]] std::string tell_under(std::uint32_t count, std::uint32_t min);
// "523 running, at most 500 allowed".
[[nodiscard]] std::string tell_over(std::uint32_t count, std::uint32_t max);

// "exited with code 3", "was ended by SIGTERM", "took too long and was ended", or the error.
struct CommandEnded;
[[nodiscard]] std::string tell(const CommandEnded& ended);

} // namespace nezuban
