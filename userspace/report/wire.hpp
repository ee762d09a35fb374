// What watcher and scribe say to each other, as bytes.
#pragma once

#include "core/incident.hpp"
#include "core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban::wire {

inline constexpr std::size_t frame_limit = 1UL << 20U;

struct Note { // watcher to scribe
    enum class Kind : std::uint8_t { log, incident, memory };

    std::uint64_t number = 0;
    Kind kind = Kind::log;
    Severity severity = Severity::info;
    WallTime time;
    std::string text;    // log, incident: for people
    std::string rule;    // incident, memory
    std::string event;   // incident
    std::string json;    // incident, memory
    bool logged = false; // incident: a former scribe has told it, but could not write it into the history
};

struct Health {                // scribe to watcher
    std::uint64_t done = 0;    // everything up to this number is in the log, and in the history if that can be written
    std::uint64_t kept = 0;    // every incident up to this one is in the history, or dropped
    std::uint64_t dropped = 0; // incidents, ever
    std::string error;         // empty: the history can be written
};

// A whole frame: its length (4 bytes, of this machine) and the rest.
[[nodiscard]] std::string encode(const Note& note);
[[nodiscard]] std::string encode(const Health& health);

// Of a note that was encoded.
void mark_logged(std::string& frame);

// What was received, up to its last whole frame.
class Frames {
public:
    void add(std::string_view bytes);
    // Valid until the next add. Absent: no whole frame is there.
    [[nodiscard]] std::optional<std::string_view> next();
    // The other side doesn't speak this language: nothing that comes can be trusted.
    [[nodiscard]] bool broken() const {
        return broken_;
    }

private:
    std::string bytes_;
    std::size_t taken_ = 0;
    bool broken_ = false;
};

[[nodiscard]] std::optional<Note> decode_note(std::string_view frame);
[[nodiscard]] std::optional<Health> decode_health(std::string_view frame);

} // namespace nezuban::wire
