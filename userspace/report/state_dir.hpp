// The daemon's own directory, and the lock that says whose it is just now.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <string>

namespace nezuban {

struct StateDir {
    std::string path;
    // Given to the scribe, too (as its descriptor 3): it is free again only when the last word has been written.
    Fd lock;

    [[nodiscard]] std::string history_path() const;
};

[[nodiscard]] std::string history_path(const std::string& state_dir);

[[nodiscard]] Result<void> make_state_dir(const std::string& path); // for its owner and his group alone

// Creates it. Waits up to `patience`; when who took it last is dead, up to `last_words` more: budgets and plans
// are not to be read before the scribe of a daemon that has just ended has written them. Then the error names who has
// it. EWOULDBLOCK in Error::number: another daemon, or that scribe.
[[nodiscard]] Result<StateDir> open_state_dir(const std::string& path, Duration patience = std::chrono::seconds(3),
                                              Duration last_words = std::chrono::seconds(60));

} // namespace nezuban
