// The scribe's way with a history that can't always be written: keep, try again, count, and say so.
#pragma once

#include "core/incident.hpp"
#include "core/time.hpp"
#include "report/history.hpp"
#include "report/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace nezuban {

class Ledger {
public:
    using Tell = std::function<void(Severity, std::string)>;

    // What waits for a disk that can't be written; then the oldest incidents are dropped. Memories never are.
    static constexpr std::size_t entry_limit = 5'000;
    static constexpr std::size_t byte_limit = 2UL << 20U;

    Ledger(std::string path, std::uint64_t size_limit, Tell tell)
        : path_(std::move(path)), size_limit_(size_limit), tell_(std::move(tell)) {}

    // Incidents and memories; of others nothing is kept but that they were there. With rising numbers.
    void add(wire::Note note);
    // All that waits in one transaction, unless the last failure was too short ago.
    void write(Time now);
    // The last try. False: something was lost.
    bool finish();

    [[nodiscard]] std::optional<Time> next_try() const;
    [[nodiscard]] wire::Health health() const;

private:
    struct Waiting {
        std::uint64_t number = 0; // of its note
        HistoryEntry entry;
    };

    Result<void> try_to_write();
    Result<void> open();
    void failed(const Error& error, Time now);
    void succeeded();
    [[nodiscard]] bool idle() const {
        return waiting_.empty() && memories_.empty();
    }

    std::string path_;
    std::uint64_t size_limit_;
    Tell tell_;
    std::optional<History> history_;
    std::deque<Waiting> waiting_;
    std::uint64_t last_ = 0;                       // number that came
    std::size_t bytes_ = 0;                        // in waiting_
    std::map<std::string, StoredMemory> memories_; // by rule: the last one
    std::map<std::string, StoredMemory> known_;    // what the file holds, in case that it is taken away
    std::string error_;
    std::optional<Time> retry_at_;
    Duration pause_{};
    std::uint64_t dropped_ = 0;
    std::uint64_t dropped_untold_ = 0;
};

} // namespace nezuban
