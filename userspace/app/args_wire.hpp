// What watcher and reader of arguments say to each other, as bytes. Both are the same program.
#pragma once

#include "app/records.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban::args_wire {

// Watcher to reader: whose are asked for. Back, in the same order: what was read. Its first word is its own pid,
// without args.
struct Message {
    std::uint32_t pid = 0;
    std::optional<std::string> args = {};
    Duration cost = {}; // processor time of the reader, ever
};

struct Head {
    std::int64_t cost;
    std::uint32_t pid;
    std::uint32_t known;
};

// A whole frame, as wire::Frames takes it apart.
[[nodiscard]] inline std::string encode(const Message& message) {
    return records::frame(Head{.cost = message.cost.count(), .pid = message.pid, .known = message.args ? 1U : 0U},
                          message.args ? std::string_view(*message.args) : std::string_view());
}

[[nodiscard]] inline std::optional<Message> decode(std::string_view frame) {
    const auto head = records::take<Head>(frame);
    if (!head) return std::nullopt;
    Message message{.pid = head->pid, .cost = Duration(head->cost)};
    if (head->known != 0) message.args = frame;
    return message;
}

} // namespace nezuban::args_wire
