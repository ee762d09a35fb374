// What watcher and prober say to each other, as bytes. Both are the same program.
#pragma once

#include "core/intent.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban::prober_wire {

struct Question {
    std::uint64_t number = 0; // of the watcher's own
    Probe probe;              // without its id
};
struct Answer {
    std::uint64_t number = 0;
    std::string error; // empty: it is there
};

// A whole frame, as wire::Frames takes it apart.
[[nodiscard]] std::string encode(const Question& question);
[[nodiscard]] std::string encode(const Answer& answer);

[[nodiscard]] std::optional<Question> decode_question(std::string_view frame);
[[nodiscard]] std::optional<Answer> decode_answer(std::string_view frame);

} // namespace nezuban::prober_wire
