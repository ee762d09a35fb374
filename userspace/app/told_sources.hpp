// What a configuration asks of the machine, asked at one place and answered at another: where the files and the users
// are asked for may block, where the answers are read may not.
#pragma once

#include "config/load.hpp"
#include "core/result.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace nezuban {

// Asks all that this configuration needs to be read. Each question is said before it is asked.
void tell_sources(const std::string& path, const Sources& sources, const std::function<void(std::string_view)>& say);

// All that was said, as sources that ask nobody: the same configuration read with them is the same. An error names what
// was asked last, when the end is missing.
[[nodiscard]] Result<Sources> told_sources(std::string_view said, bool whole);

} // namespace nezuban
