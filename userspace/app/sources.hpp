// What a configuration asks of the machine: its files, its users.
#pragma once

#include "config/load.hpp"

namespace nezuban {

[[nodiscard]] Sources system_sources();

} // namespace nezuban
