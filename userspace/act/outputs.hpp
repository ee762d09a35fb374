// The pipes on which commands, and what they left behind, talk to us.
#pragma once

#include "act/output_lines.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"
#include "io/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace nezuban {

class Outputs {
public:
    using Line = std::function<void(const std::string& label, const std::string& line)>;

    // A pipe can live as long as a service that was started by its command: when there are more than this, the one of
    // the longest finished command isn't read any more, which doesn't hurt its writers (see output_pipe).
    static constexpr std::size_t limit = 256;

    Outputs(Loop& loop, Line line) : loop_(loop), line_(std::move(line)) {}
    ~Outputs();
    Outputs(const Outputs&) = delete;
    Outputs& operator=(const Outputs&) = delete;

    // closed: nobody can write to it any more. Called at most once, from the loop or from drain.
    Result<void> add(std::uint64_t id, std::string label, Fd pipe, std::function<void()> closed);

    // Reads what is there.
    void drain(std::uint64_t id);
    // Its command has ended; whoever still has it may write on.
    void abandon(std::uint64_t id);

    [[nodiscard]] bool open(std::uint64_t id) const {
        return pipes_.contains(id);
    }
    [[nodiscard]] std::size_t size() const {
        return pipes_.size();
    }

    void advance(Time now);
    [[nodiscard]] std::optional<Time> next_deadline() const;

private:
    struct Pipe {
        Fd fd;
        std::string label;
        OutputLines lines;
        std::function<void()> closed;
        bool abandoned = false;
        bool resting = false; // not watched: it says more than anybody wants to read
    };

    Result<void> watch(std::uint64_t id, Pipe& pipe);
    void close(std::uint64_t id);
    void make_room();

    Loop& loop_;
    Line line_;
    std::map<std::uint64_t, Pipe> pipes_; // oldest first
};

} // namespace nezuban
