// Runs a record against an engine, at once and acting on nothing: commands are answered as if they had ended well,
// signals as if they had been delivered. The recorded world doesn't react: what a restart would have brought back
// stays away, unless it came back when the record was made.
#pragma once

#include "core/intent.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "engine/engine.hpp"

#include <cstdint>
#include <functional>
#include <istream>
#include <string>

namespace nezuban {

struct ReplaySink {
    std::function<void(const ClockPair& start)> begin;                      // once, before everything else
    std::function<void(Time time, const Intent& intent)> intent;            // everything that the engine wants
    std::function<void(std::uint64_t line, const std::string& why)> broken; // a line that was left out
};

struct ReplaySummary {
    std::uint64_t events = 0;
    std::uint64_t broken = 0;
    Duration length{}; // up to the last event
    bool quit = false; // the daemon would have ended: what comes after was not played
};

// Ends with the last event's time, or where the engine wants the daemon to end. An error: it is no record, or the
// engine asks for more and more without time going on.
[[nodiscard]] Result<ReplaySummary> replay(std::istream& record, Engine& engine, const ReplaySink& sink);

// "+12.000000345  would run [systemctl restart mailsec] (scanner: restart)", without a newline. Empty for what
// nobody has to know: memories, resyncs.
[[nodiscard]] std::string replay_text(Duration since_start, const Intent& intent);

} // namespace nezuban
