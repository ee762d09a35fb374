// What a configuration asks of the machine: its files, its users.
#pragma once

#include "config/load.hpp"
#include "core/time.hpp"

namespace nezuban {

[[nodiscard]] Sources system_sources();

// For those who will execute what they read, or say whether that can be done: whether others could alter it is looked
// at as well, in a child, because any disk may be on the way. Whoever isn't root is only warned.
[[nodiscard]] Sources guarded_sources(Duration patience);

} // namespace nezuban
