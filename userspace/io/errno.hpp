// A failed system call as an Error.
#pragma once

#include "core/result.hpp"

#include <cerrno>
#include <string>

#include <system_error>

namespace nezuban {

[[nodiscard]] inline std::string errno_text(int number) {
    return std::generic_category().message(number);
}

// "opening /etc/x: Permission denied". The number is taken before what has a chance to change it.
[[nodiscard]] inline std::unexpected<Error> fail_errno(const std::string& what, int number = errno) {
    return fail(what + ": " + errno_text(number), number);
}

} // namespace nezuban
