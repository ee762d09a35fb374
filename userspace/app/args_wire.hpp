// What watcher and reader of arguments say to each other, as bytes. Both are the same program.
#pragma once

#include "core/time.hpp"

#include <cstdint>
#include <cstring>
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
    const Head head{.cost = message.cost.count(), .pid = message.pid, .known = message.args ? 1U : 0U};
    const auto text = message.args.value_or("");
    const auto length = static_cast<std::uint32_t>(sizeof head + text.size());
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.append(reinterpret_cast<const char*>(&head), sizeof head);
    return bytes.append(text);
}

[[nodiscard]] inline std::optional<Message> decode(std::string_view frame) {
    Head head{};
    if (frame.size() < sizeof head) return std::nullopt;
    std::memcpy(&head, frame.data(), sizeof head);
    Message message{.pid = head.pid, .cost = Duration(head.cost)};
    if (head.known != 0) message.args = frame.substr(sizeof head);
    return message;
}

} // namespace nezuban::args_wire
