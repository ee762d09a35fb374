// What watcher and examiner say to each other, as bytes. Both are the same program.
#pragma once

#include "app/complete.hpp"
#include "core/wait.hpp"
#include "report/wire.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace nezuban::examiner_wire {

// Watcher to examiner: questions and files, then Go. Back: answers and beats, then Done. All of one round.
struct BeatFile {
    std::uint32_t index = 0; // in the request
    std::string path;
};
struct BeatSeen {
    std::uint32_t index = 0;
    FileBeat beat; // without its path
};
struct Go {};
struct Done {};

using Part = std::variant<Question, BeatFile, Go, Answer, BeatSeen, Done>;

struct Message {
    std::uint64_t round = 0;
    Part part;
};

// A whole frame, as wire::Frames takes it apart.
[[nodiscard]] std::string encode(std::uint64_t round, const Part& part);
[[nodiscard]] std::optional<Message> decode(std::string_view frame);

// What the examiner is about to look at, in a SharedWord.
struct Subject {
    enum class Kind : std::uint8_t { nothing, process, beat_file };
    Kind kind = Kind::nothing;
    std::uint32_t number = 0; // pid, or index of the file

    // turn: makes each look another word than the last one; 30 bits of it are kept.
    [[nodiscard]] std::uint64_t packed(std::uint64_t turn) const {
        return turn << 34U | std::uint64_t{static_cast<std::uint8_t>(kind)} << 32U | number;
    }
    [[nodiscard]] static Subject unpacked(std::uint64_t word);
};

} // namespace nezuban::examiner_wire
