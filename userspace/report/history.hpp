// What has happened, and what has to be remembered, in one SQLite file of bounded size. Survives the death of the
// writer at any moment, and is read by others while it is written. Blocks on the disk: not for the watcher's loop.
#pragma once

#include "core/memory.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nezuban {

// An incident as it is kept.
struct HistoryEntry {
    std::int64_t row = 0; // rising; given by the history
    WallTime time;
    std::string rule;  // empty: of the daemon itself
    std::string event; // name_of its Happening
    std::string json;  // as to_json gave it
};

// A RuleMemory as it is kept: with times that mean the same after a boot. A plan is of one boot alone, whose processes
// it is about: from_stored drops that of another one (boot_id; empty: unknown).
struct StoredMemory {
    std::string rule;
    std::string json;
};
[[nodiscard]] StoredMemory to_stored(const RuleMemory& memory, const ClockPair& clocks, const std::string& boot);
[[nodiscard]] Result<RuleMemory> from_stored(const StoredMemory& stored, const ClockPair& clocks,
                                             const std::string& boot, std::vector<std::string>& left_out);

struct Memories {
    std::vector<RuleMemory> kept;
    std::vector<std::string> left_out; // what could not be understood: a sentence each, for the log
};

struct HistoryFilter {
    std::optional<WallTime> since;
    std::optional<std::string> rule;
    std::optional<std::size_t> limit;  // the last so many; with `after`: the first so many
    std::optional<std::int64_t> after; // only rows behind this one: how to follow
};

class History {
public:
    // Created when missing; the directory has to be there. A file that is damaged, or of a newer nezuban, is renamed to
    // PATH.corrupt-TIME and a fresh one begun: set_aside() tells.
    static Result<History> open_for_writing(const std::string& path, std::uint64_t size_limit);

    // Without changing anything. ENOENT in Error::number: there is no history (yet).
    static Result<History> open_for_reading(const std::string& path);

    ~History();
    History(History&&) noexcept;
    History& operator=(History&&) noexcept;

    // All or nothing. Makes room by forgetting the oldest incidents, never a memory. On an error (ENOSPC in
    // Error::number when the disk is full) nothing has changed. Try again with a history opened anew: that looks for
    // damage.
    Result<void> write(std::span<const HistoryEntry> entries, std::span<const StoredMemory> memories);

    // Oldest first.
    [[nodiscard]] Result<std::vector<HistoryEntry>> query(const HistoryFilter& filter) const;
    [[nodiscard]] Result<std::vector<StoredMemory>> stored_memories() const;
    [[nodiscard]] Result<Memories> load_memories(const ClockPair& clocks, const std::string& boot) const;

    // Whether the file that is written is the one at its path still, and not one that somebody has removed or moved.
    [[nodiscard]] bool in_place() const;

    // Empty, or a sentence on the file that had to be replaced.
    [[nodiscard]] const std::string& set_aside() const;

private:
    struct State;
    explicit History(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban
