// Log, history and memory, through a scribe that is replaced when it dies.
#pragma once

#include "core/incident.hpp"
#include "core/memory.hpp"
#include "core/result.hpp"
#include "core/spec.hpp"
#include "io/loop.hpp"
#include "io/spawner.hpp"
#include "report/scribe.hpp"
#include "report/state_dir.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

class Store {
public:
    // Takes the state directory and starts the scribe. Loop and spawner must outlive it.
    static Result<std::unique_ptr<Store>> open(Loop& loop, Spawner& spawner, const DaemonSpec& spec);
    Store(const Store&) = delete; // callbacks point to it
    Store& operator=(const Store&) = delete;
    Store(Store&&) = delete;
    Store& operator=(Store&&) = delete;
    ~Store() = default;

    // What the last daemon left behind; empty when there is nothing or it can't be read, which is logged.
    [[nodiscard]] const std::vector<RuleMemory>& memories() const {
        return memories_;
    }

    void log(Severity severity, const std::string& text) {
        scribe_.log(severity, text);
    }
    void incident(const Incident& incident) {
        scribe_.incident(incident);
    }
    void remember(const RuleMemory& memory) {
        scribe_.remember(memory);
    }
    [[nodiscard]] ScribeHealth health() const {
        return scribe_.health();
    }

    [[nodiscard]] std::uint32_t scribe_pid() const { // 0: none yet
        return scribe_pid_;
    }

    // A scribe that died is replaced at once, but not more than once a second: what is to be remembered meanwhile would
    // not survive us.
    void advance(Time now);
    [[nodiscard]] std::optional<Time> next_deadline() const {
        return start_at_;
    }

    // Everything is on its way to the disk, or the patience is over.
    void finish();

private:
    Store(Loop& loop, Spawner& spawner, const DaemonSpec& spec, StateDir directory);
    std::vector<RuleMemory> read_memories();
    void start_scribe();

    Spawner& spawner_;
    DaemonSpec spec_;
    StateDir directory_;
    Scribe scribe_;
    std::vector<RuleMemory> memories_;
    Time started_; // the last scribe
    std::optional<Time> start_at_;
    std::uint32_t scribe_pid_ = 0;
};

} // namespace nezuban
