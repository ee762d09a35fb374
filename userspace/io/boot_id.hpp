// Which boot this is.
#pragma once

#include <string>

namespace nezuban {

// Another one after every boot. Empty: the kernel doesn't tell (no /proc); then nothing is known to be of this boot.
[[nodiscard]] std::string boot_id();

} // namespace nezuban
