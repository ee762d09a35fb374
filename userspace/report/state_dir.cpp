#include "report/state_dir.hpp"

#include "io/alterable.hpp"
#include "io/files.hpp"
#include "io/own_process.hpp"
#include "io/threads.hpp"

#include <cerrno>
#include <charconv>
#include <string>

namespace nezuban {

namespace {

// The daemon that took it last, if that is dead: what has the lock is its scribe.
std::optional<std::uint32_t> dead_owner(const std::string& lock) {
    constexpr std::size_t limit = 64;
    const auto text = read_file(lock, limit);
    std::uint32_t pid = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc()) return std::nullopt;
    if (process_of(pid)) return std::nullopt;
    return pid;
}

// Somebody who could alter what is in it could lead root's writing elsewhere, and invent the state of every rule. What
// is missing may be created by others where the directory is a sticky one, such as a fresh tmpfs: we are about to be
// first.
Result<void> trust(const std::string& path) {
    if (own_uid() != 0) return {};
    const auto known = insiders();
    for (const auto& name : {std::string("/lock"), std::string("/history.db")}) {
        const auto weakness = weakness_of(path + name, known);
        if (weakness && !weakness->missing)
            return fail(path + " could be altered by others: " + tell(*weakness) + " (hint: " + mend(*weakness) + ")",
                        EPERM);
    }
    return {};
}

} // namespace

std::string history_path(const std::string& state_dir) {
    return state_dir + "/history.db";
}

std::string StateDir::history_path() const {
    return nezuban::history_path(path);
}

Result<void> make_state_dir(const std::string& path) {
    return make_directories(path, 0750);
}

Result<StateDir> open_state_dir(const std::string& path, Duration patience, Duration last_words) {
    if (auto made = make_state_dir(path); !made) return std::unexpected(made.error());
    if (auto trusted = trust(path); !trusted)
        return std::unexpected(trusted.error().in("claiming the state directory"));
    const auto name = path + "/lock";
    auto lock = lock_file(name, patience);
    if (!lock && lock.error().number == EWOULDBLOCK) {
        if (const auto owner = dead_owner(name)) {
            lock = lock_file(name, last_words);
            if (!lock && lock.error().number == EWOULDBLOCK)
                lock =
                    fail(name + " is still held by the scribe of the daemon that was process " + std::to_string(*owner)
                             + ": it has not written its last word yet, its disk may not answer",
                         EWOULDBLOCK);
        }
    }
    if (!lock) return std::unexpected(lock.error().in("claiming the state directory"));
    return StateDir{.path = path, .lock = std::move(*lock)};
}

} // namespace nezuban
