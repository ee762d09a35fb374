// Reloads, one after the other. What a disk or a name service may leave unanswered is asked in a child, and nobody
// waits for that but who wants to know how it went.
#pragma once

#include "config/load.hpp"
#include "control/protocol.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/errand.hpp"
#include "io/loop.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

class Reloads {
public:
    using Reply = std::function<void(const Response&)>;
    struct Ends {
        std::function<void()> begun;
        // All has been asked: apply it, without asking anybody. An error: what there was no answer to.
        std::function<Response(const Result<Sources>&)> read;
    };

    // From the first question to the last answer. Two of them are less than `nezuban reload` waits.
    static constexpr Duration usual_patience = std::chrono::seconds(25);
    static constexpr std::size_t queue_limit = 100;

    // sources: asked in the child. The loop must outlive this.
    Reloads(Loop& loop, std::string path, Sources sources, Ends ends, Duration patience = usual_patience);
    ~Reloads();
    Reloads(const Reloads&) = delete;
    Reloads& operator=(const Reloads&) = delete;
    Reloads(Reloads&&) = delete;
    Reloads& operator=(Reloads&&) = delete;

    // What is read was asked for after this: while a reload is under way, another one comes after it, for all who have
    // asked meanwhile. Always answered, perhaps from here.
    void ask(Reply reply);
    // Whoever waits is told this; nothing is read any more.
    void stop(const Response& response);

    [[nodiscard]] std::optional<Time> next_deadline() const {
        return errand_ ? std::optional(deadline_) : std::nullopt;
    }
    void advance(Time now);

    // Of the child; 0: there is none.
    [[nodiscard]] std::uint32_t pid() const {
        return errand_ ? errand_->pid() : 0;
    }

private:
    void begin();
    [[nodiscard]] Result<void> send();
    void end(const std::string& why_cut_off);
    void settle(const Result<Sources>& sources);

    Loop& loop_;
    std::string path_;
    Sources sources_;
    Ends ends_;
    Duration patience_;
    std::optional<Errand> errand_; // under way
    Time deadline_{};
    std::vector<Reply> waiting_; // for this one
    std::vector<Reply> next_;    // for the one after it
};

} // namespace nezuban
