#include "app/examiner.hpp"

#include "app/examiner_wire.hpp"
#include "app/left_out.hpp"
#include "core/words.hpp"
#include "io/clock.hpp"
#include "io/helper_process.hpp"
#include "io/shared_word.hpp"
#include "io/unix_socket.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

namespace ew = examiner_wire;
using namespace std::chrono_literals;

constexpr Duration patience = 1s;
constexpr Duration between_starts = 1s;
constexpr std::size_t most_stuck = 8;
constexpr std::size_t most_questions = 32'768; // 4 MB; more threads than that are not all waiting for locks

// One examiner. Shared with the spawner's answer, which may come when it was given up already.
struct Helper {
    Fd socket;
    SharedWord word;
    HelperProcess child;
    std::uint32_t pid = 0; // 0: the spawner has not answered yet
    bool failed = false;   // it was never started
    bool killed = false;
    wire::Frames received;
    LeftOut::Subject hangs_on;

    void kill() {
        killed = true;
        child.kill();
    }
    [[nodiscard]] bool ended() {
        return failed || (pid != 0 && child.ended());
    }
};

struct Round {
    WaitScan scan;
    std::size_t beats_at = 0; // in scan.beats
    std::string output;
    std::size_t sent = 0;
    Time deadline;
    bool asked = false; // there is something to be asked
};

} // namespace

struct Examiner::State {
    Loop& loop;
    Spawner& spawner;
    std::function<void(WaitScan)> done;
    std::function<void(std::string)> log;
    std::shared_ptr<Helper> process;
    std::vector<std::shared_ptr<Helper>> stuck; // given up, and not known to have ended
    std::optional<Round> round;
    std::uint64_t number = 0; // of the round
    std::optional<Time> start_at;
    std::optional<Time> started_at;
    LeftOut left_out;
    bool gave_up = false;

    State(Loop& its_loop, Spawner& its_spawner, std::function<void(WaitScan)> when_done,
          std::function<void(std::string)> to_log)
        : loop(its_loop), spawner(its_spawner), done(std::move(when_done)), log(std::move(to_log)) {}
    ~State() {
        detach();
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    State(State&&) = delete;
    State& operator=(State&&) = delete;

    // --- the process --------------------------------------------------------------------------------------

    void start(Time now) {
        start_at.reset();
        std::erase_if(stuck, [](const auto& one) { return one->ended(); });
        if (stuck.size() >= most_stuck) {
            if (!std::exchange(gave_up, true))
                log(fmt::format("{} examiners hang: locks, descriptors and heartbeat files are not looked at until one "
                                "of them comes back",
                                stuck.size()));
            start_at = now + between_starts;
            return;
        }
        gave_up = false;
        started_at = now;
        if (auto begun = begin(); !begun) {
            log("starting the examiner: " + begun.error().text);
            detach();
            start_at = now + between_starts;
        }
    }

    Result<void> begin() {
        auto ends = socket_pair();
        if (!ends) return std::unexpected(ends.error());
        auto word = SharedWord::create();
        if (!word) return std::unexpected(word.error());
        std::vector<Fd> extra;
        extra.push_back(word->file().duplicate());
        process = std::shared_ptr<Helper>(
            new Helper{.socket = std::move(ends->first), .word = std::move(*word), .child = {}, .received = {}});
        auto asked = spawner.request({.argv = {"/proc/self/exe", "examiner"},
                                      .environment = {},
                                      .input = std::move(ends->second),
                                      .output = {},
                                      .extra = std::move(extra),
                                      .own = true},
                                     [one = process](const Spawned& spawned) {
                                         one->failed = spawned.error != 0;
                                         one->pid = spawned.pid;
                                         if (one->failed) return; // its end of the socket is closed: the loop tells
                                         one->child = HelperProcess(spawned.pid);
                                         if (one->killed) one->child.kill();
                                     });
        if (!asked) return asked;
        return loop.watch(process->socket.get(), ready::in, [this](std::uint32_t events) {
            if ((events & ready::out) != 0) send();
            if ((events & ~ready::out) != 0) receive();
        });
    }

    std::shared_ptr<Helper> detach() {
        if (process) {
            loop.forget(process->socket.get());
            process->socket.reset();
        }
        return std::exchange(process, nullptr);
    }

    void start_soon(Time now) {
        start_at = started_at ? std::max(now, *started_at + between_starts) : now;
    }

    // --- the round ----------------------------------------------------------------------------------------

    void begin_round(WaitScan scan, const std::vector<std::string>& beat_files) {
        const auto now = monotonic_now();
        ++number;
        round = Round{.scan = std::move(scan), .output = {}, .deadline = now + patience};
        std::erase_if(stuck, [](const auto& one) { return one->ended(); });
        ask_about_threads(now);
        ask_about_files(beat_files, now);
        if (!round->asked) {
            round->deadline = now;
            return;
        }
        round->output += ew::encode(number, ew::Go{});
        if (!process && !start_at) start_soon(now);
        if (start_at && *start_at <= now) start(now);
        send();
    }

    void ask_about_threads(Time now) {
        std::size_t questions = 0;
        const auto& threads = round->scan.threads;
        for (std::uint32_t i = 0; i < threads.size() && questions < most_questions; ++i) {
            if (!worth_a_look(threads[i]) || is_left_out({.process = threads[i].process, .path = {}}, now)) continue;
            ++questions;
            round->output += ew::encode(number, Question{.index = i, .thread = threads[i]});
        }
        round->asked = questions > 0;
    }

    void ask_about_files(const std::vector<std::string>& files, Time now) {
        auto& beats = round->scan.beats;
        round->beats_at = beats.size();
        for (std::uint32_t i = 0; i < files.size(); ++i) {
            const bool hangs = is_left_out({.process = {}, .path = files[i]}, now);
            beats.push_back(
                {.path = files[i],
                 .touched = {},
                 .error = files[i] + (hangs ? ": looking at it blocks" : ": it was not looked at in time")});
            if (hangs) continue;
            round->asked = true;
            round->output += ew::encode(number, ew::BeatFile{.index = i, .path = files[i]});
        }
    }

    [[nodiscard]] bool is_left_out(const LeftOut::Subject& subject, Time now) const {
        return (!left_out.empty() && left_out.contains(subject, now))
               || std::ranges::any_of(stuck, [&](const auto& one) { return one->hangs_on == subject; });
    }

    void send() {
        if (!process || !round) return;
        while (round->sent < round->output.size()) {
            const auto written = write_some(process->socket.get(), std::string_view(round->output).substr(round->sent));
            if (written.how != Transfer::some) break; // a death shows on reading
            round->sent += written.bytes;
        }
        const bool more = round->sent < round->output.size();
        [[maybe_unused]] auto changed = loop.modify(process->socket.get(), more ? ready::in | ready::out : ready::in);
    }

    void receive() {
        std::array<char, 65536> piece{};
        for (;;) {
            const auto got = read_some(process->socket.get(), piece);
            if (got.how == Transfer::later) return;
            bool finished = false;
            if (got.how == Transfer::some) process->received.add({piece.data(), got.bytes});
            while (auto frame = process->received.next()) {
                if (auto message = ew::decode(*frame); message && message->round == number)
                    finished = take(std::move(message->part)) || finished;
            }
            if (got.how != Transfer::some || process->received.broken()) return died();
            if (finished) return finish(); // nothing of this round comes after it
        }
    }

    // True: that was the end.
    bool take(ew::Part part) {
        if (!round) return false;
        auto& scan = round->scan;
        if (auto* answer = std::get_if<Answer>(&part); answer != nullptr && answer->index < scan.threads.size()) {
            auto& thread = scan.threads[answer->index];
            thread.lock = answer->lock;
            thread.object = std::move(answer->object);
        } else if (auto* seen = std::get_if<ew::BeatSeen>(&part);
                   seen != nullptr && seen->index < scan.beats.size() - round->beats_at) {
            auto& beat = scan.beats[round->beats_at + seen->index];
            beat.touched = seen->beat.touched;
            beat.error = std::move(seen->beat.error);
        }
        return std::holds_alternative<ew::Done>(part);
    }

    void finish() {
        auto scan = std::move(round->scan);
        round.reset();
        done(std::move(scan));
    }

    // Not by us. What it was asked is asked again with the next scan; whoever has killed it may do so with the next
    // one, too, so it is no reason to ask at once.
    void died() {
        auto one = detach();
        one->kill(); // a socket that speaks nonsense is no examiner
        if (!one->ended()) stuck.push_back(std::move(one));
        start_soon(monotonic_now());
        if (round && round->asked) finish();
    }

    void abandon(Time now) {
        const auto subject = ew::Subject::unpacked(process->word.load());
        auto one = detach();
        one->kill();
        const auto hangs_on = subject_of(subject);
        if (hangs_on == LeftOut::Subject{}) {
            log("the examiner has not answered for " + tell_patience() + ": it is replaced");
        } else {
            one->hangs_on = hangs_on;
            const auto span = left_out.add(hangs_on, now);
            log(fmt::format("looking at {} blocks: it is left out for {} min",
                            hangs_on.path.empty() ? memory_of(hangs_on.process) : hangs_on.path,
                            std::chrono::duration_cast<std::chrono::minutes>(span).count()));
        }
        if (!one->ended()) stuck.push_back(std::move(one));
        start_soon(now);
    }

    [[nodiscard]] static std::string tell_patience() {
        return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(patience).count());
    }

    [[nodiscard]] LeftOut::Subject subject_of(const ew::Subject& subject) const {
        const auto& scan = round->scan;
        if (subject.kind == ew::Subject::Kind::beat_file && subject.number < scan.beats.size() - round->beats_at)
            return {.process = {}, .path = scan.beats[round->beats_at + subject.number].path};
        if (subject.kind == ew::Subject::Kind::process) {
            const auto found = std::ranges::find(scan.threads, subject.number,
                                                 [](const ThreadWait& thread) { return thread.process.pid; });
            if (found != scan.threads.end()) return {.process = found->process, .path = {}};
        }
        return {};
    }

    [[nodiscard]] std::string memory_of(const Identity& process_id) const {
        const auto found = std::ranges::find(round->scan.threads, process_id, &ThreadWait::process);
        return fmt::format("the memory of pid {} ({})", process_id.pid, found->comm);
    }
};

Examiner::Examiner(Loop& loop, Spawner& spawner, std::function<void(WaitScan)> done,
                   std::function<void(std::string)> log)
    : state_(std::make_unique<State>(loop, spawner, std::move(done), std::move(log))) {}
Examiner::~Examiner() = default;

void Examiner::complete(WaitScan scan, const std::vector<std::string>& beat_files) {
    if (!busy()) state_->begin_round(std::move(scan), beat_files);
}

bool Examiner::busy() const {
    return state_->round.has_value();
}

std::uint32_t Examiner::pid() const {
    return state_->process ? state_->process->pid : 0;
}

std::optional<Time> Examiner::next_deadline() const {
    auto next = state_->start_at;
    if (state_->round && (!next || state_->round->deadline < *next)) next = state_->round->deadline;
    return next;
}

void Examiner::advance(Time now) {
    auto& state = *state_;
    if (state.start_at && *state.start_at <= now) {
        state.start(now);
        state.send();
    }
    if (!state.round || now < state.round->deadline) return;
    if (state.round->asked && state.process) state.abandon(now);
    state.finish();
}

} // namespace nezuban
