#include "act/output_lines.hpp"

#include "core/words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nezuban {

using namespace std::chrono_literals;

void OutputLines::turn_over(Time now) {
    if (now < second_began_ + 1s) return;
    second_began_ = now;
    told_ = 0;
    read_ = 0;
    tell_dropped();
}

void OutputLines::add(std::string_view bytes, Time now) {
    turn_over(now);
    read_ += bytes.size();
    auto room = told_a_second - told_;
    if (bytes.size() > room) {
        dropped_ += bytes.size() - room;
        bytes = bytes.substr(0, room);
    }
    told_ += bytes.size();
    for (char byte : bytes) {
        if (byte == '\n') {
            tell_line();
            continue;
        }
        line_ += byte;
        if (line_.size() == line_limit) tell_line();
    }
}

void OutputLines::tell_line() {
    if (line_.empty()) return;
    // Control characters could rewrite a terminal, or forge lines of the log; a tab can't.
    std::string shown;
    for (std::string_view rest = line_;;) {
        const auto piece = rest.substr(0, rest.find('\t'));
        shown += harmless(piece, '?');
        if (piece.size() == rest.size()) break;
        shown += '\t';
        rest.remove_prefix(piece.size() + 1);
    }
    sink_(shown);
    line_.clear();
}

void OutputLines::tell_dropped() {
    if (dropped_ == 0) return;
    tell_line();
    sink_(fmt::format("… {} bytes dropped", dropped_));
    dropped_ = 0;
}

void OutputLines::finish() {
    tell_line();
    tell_dropped();
}

std::optional<Time> OutputLines::resume_at() const {
    if (read_ < read_a_second) return std::nullopt;
    return second_began_ + 1s;
}

} // namespace nezuban
