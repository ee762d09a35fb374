// A look that may block for ever, sent out in a child: whatever it runs into, we come back.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace nezuban {

class Errand {
public:
    using Say = std::function<void(std::string_view)>;

    // What of our descriptors the child has. It may outlive us in a look that even SIGKILL doesn't end: with the lock
    // of the state directory or our end of a socket in its hands it would keep the next daemon from starting.
    enum class Descriptors { kept, closed };

    // Forks; the child calls work, which says what it finds as it finds it, and ends. Only from a process with one
    // thread.
    static Result<Errand> send(const std::function<void(const Say&)>& work, Descriptors inherited = Descriptors::kept);
    // Kills the child if it is still at it. One in D dies when it can: init reaps it then.
    ~Errand();
    Errand(Errand&&) noexcept;
    Errand& operator=(Errand&&) noexcept;

    // Readable when there is something to take.
    [[nodiscard]] int descriptor() const {
        return pipe_.get();
    }
    // Of the child.
    [[nodiscard]] std::uint32_t pid() const {
        return child_;
    }
    // Takes a piece of what was said, which it waits for. False: nothing more will come.
    bool take();

    // What was said until its end, or the deadline.
    struct Brought {
        std::string text;
        bool whole = false; // it came to its end
    };
    Brought wait(Time deadline);

private:
    Errand(std::uint32_t child, Fd pipe) : child_(child), pipe_(std::move(pipe)) {}
    Brought brought();
    void end();

    std::uint32_t child_ = 0;
    Fd pipe_;
    std::string said_;
    bool ending_ = false; // it has closed its end
};

} // namespace nezuban
