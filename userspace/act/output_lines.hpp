// A command's output as lines for the log, bounded in every direction.
#pragma once

#include "core/time.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace nezuban {

class OutputLines {
public:
    using Sink = std::function<void(const std::string& line)>;

    static constexpr std::size_t line_limit = 4096;           // longer lines are told in pieces
    static constexpr std::size_t told_a_second = 64UL << 10U; // bytes; what exceeds it is counted and dropped
    static constexpr std::size_t read_a_second = 4UL << 20U;  // beyond it isn't even worth reading: see resume_at

    explicit OutputLines(Sink sink) : sink_(std::move(sink)) {}

    void add(std::string_view bytes, Time now);
    // Nothing more will come.
    void finish();

    // Set: don't read on before this.
    [[nodiscard]] std::optional<Time> resume_at() const;

private:
    void turn_over(Time now);
    void tell_line();
    void tell_dropped();

    Sink sink_;
    std::string line_;
    Time second_began_{};
    std::size_t told_ = 0; // in this second
    std::size_t read_ = 0;
    std::size_t dropped_ = 0; // not told of yet
};

} // namespace nezuban
