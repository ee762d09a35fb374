// Errors are values that say what was tried, on what, and why it failed.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace nezuban {

struct Error {
    std::string text; // "opening /run/nezuban/control.sock: Permission denied"
    int number = 0;   // errno, when there is one

    // The same error, seen from one step further out: "starting the control socket: opening ...".
    [[nodiscard]] Error in(const std::string& what) const {
        return {.text = what + ": " + text, .number = number};
    }
};

template <typename T> using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(std::string text, int number = 0) {
    return std::unexpected(Error{.text = std::move(text), .number = number});
}

} // namespace nezuban
