#include "replay/replay.hpp"

#include "replay/record.hpp"
#include "replay/record_waits.hpp"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// Between two moments. A storm of 20,000 processes against a limit wants one signal for each.
constexpr std::size_t answers_max = 1'000'000;

// One line without its newline, also the last one that has none; of one that is too long, no more than shows that it
// is. Absent: the end.
std::optional<std::string> next_line(std::istream& in) {
    auto& buffer = *in.rdbuf();
    constexpr auto end = std::istream::traits_type::eof();
    std::string line;
    auto c = buffer.sbumpc();
    if (c == end) return std::nullopt;
    for (; c != end && c != '\n'; c = buffer.sbumpc())
        if (line.size() <= record_line_max) line += std::istream::traits_type::to_char_type(c);
    return line;
}

class Player {
public:
    Player(Engine& engine, const ReplaySink& sink, Time now) : engine_(engine), sink_(sink), now_(now) {}

    // Everything that was due before this event, then the event. Events of several CPUs may be recorded a little out
    // of order: time never goes back.
    Result<void> play(const Event& event, Time time) {
        time = std::max(time, now_);
        answers_ = 0;
        for (auto due = engine_.next_deadline(); due && *due <= time && !quit_; due = engine_.next_deadline()) {
            const auto at = std::max(*due, now_);
            if (at > now_) answers_ = 0;
            now_ = at;
            engine_.advance(now_, intents_);
            if (auto settled = settle(); !settled) return settled;
        }
        if (quit_) return {};
        now_ = time;
        engine_.handle(event, now_, intents_);
        return settle();
    }
    [[nodiscard]] bool quit() const {
        return quit_;
    }
    [[nodiscard]] Time now() const {
        return now_;
    }

private:
    // Tells what is wanted and answers it, and what is wanted then, until the engine is content.
    Result<void> settle() {
        if (++answers_ > answers_max) return stuck();
        while (!intents_.empty()) {
            const auto wanted = std::exchange(intents_, {});
            for (const auto& intent : wanted) {
                sink_.intent(now_, intent);
                answer(intent);
            }
            while (!answers_to_give_.empty() && !quit_) {
                if (++answers_ > answers_max) return stuck();
                engine_.handle(answers_to_give_.front(), now_, intents_);
                answers_to_give_.pop_front();
            }
            if (quit_) intents_.clear();
        }
        return {};
    }
    void answer(const Intent& intent) {
        if (const auto* run = std::get_if<RunCommand>(&intent)) {
            answers_to_give_.emplace_back(CommandStarted{.id = run->id, .pid = 0});
            answers_to_give_.emplace_back(
                CommandEnded{.id = run->id, .exit_code = 0, .signal = 0, .timed_out = false, .error = {}});
        } else if (const auto* probe = std::get_if<Probe>(&intent)) {
            answers_to_give_.emplace_back(Probed{.id = probe->id, .error = {}});
        } else if (const auto* signal = std::get_if<Signal>(&intent)) {
            answers_to_give_.emplace_back(SignalSent{.id = signal->id, .signal = signal->signal, .error = 0});
        } else if (std::holds_alternative<Quit>(intent)) {
            quit_ = true;
        }
    }
    [[nodiscard]] std::unexpected<Error> stuck() const {
        return fail(fmt::format("the engine wanted more than {} things at one moment", answers_max));
    }

    Engine& engine_;
    const ReplaySink& sink_;
    Time now_;
    Intents intents_;
    std::deque<Event> answers_to_give_;
    std::size_t answers_ = 0;
    bool quit_ = false;
};

} // namespace

Result<ReplaySummary> replay(std::istream& record, Engine& engine, const ReplaySink& sink) {
    const auto first = next_line(record);
    if (!first) return fail("the record is empty");
    const auto start = parse_record_header(*first);
    if (!start) return std::unexpected(start.error());
    sink.begin(*start);

    ReplaySummary summary;
    Player player{engine, sink, start->monotonic};
    for (std::uint64_t number = 2; !player.quit(); ++number) {
        const auto line = next_line(record);
        if (!line) break;
        if (line->empty()) continue;
        const auto parsed = parse_line(*line);
        if (!parsed) {
            ++summary.broken;
            sink.broken(number, parsed.error().text);
            continue;
        }
        auto event = parsed->event;
        if (auto* seen = std::get_if<WaitsSeen>(&event)) {
            auto scan = *seen->scan;
            begin_at(scan, start->monotonic);
            seen->scan = std::make_shared<const WaitScan>(std::move(scan));
        }
        if (auto* exited = std::get_if<Exited>(&event); exited != nullptr && exited->fell)
            *exited->fell += start->monotonic.time_since_epoch();
        if (auto played = player.play(event, start->monotonic + parsed->since_start); !played)
            return std::unexpected(played.error().in(fmt::format("line {}", number)));
        ++summary.events;
    }
    summary.length = player.now() - start->monotonic;
    summary.quit = player.quit();
    return summary;
}

} // namespace nezuban
