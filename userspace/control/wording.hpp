// How single values are written for people.
#pragma once

#include "core/time.hpp"

#include <string>

namespace nezuban::control {

// The two largest units: "3d 4h", "12m 5s", "4s", "350ms". Negative ones as zero.
[[nodiscard]] std::string brief(Duration duration);

} // namespace nezuban::control
