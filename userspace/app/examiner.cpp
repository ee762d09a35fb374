#include "app/examiner.hpp"

#include "app/examiner_helper.hpp"
#include "app/examiner_wire.hpp"
#include "app/left_out.hpp"
#include "io/clock.hpp"
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
constexpr Duration check_every = 500ms;
constexpr Duration hanging = 1s; // at the same process, or file
// Nothing to look at, and no answer either: it is still to begin, or gets no processor. To replace it makes that worse,
// so the next one is given twice as long.
constexpr Duration least_silence = 3s;
constexpr Duration most_silence = 1min;
constexpr Duration between_starts = 1s;
constexpr std::size_t most_questions = 32'768; // 4 MB; more threads than that are not all waiting for locks

struct Round {
    WaitScan scan;
    std::size_t beats_at = 0; // in scan.beats
    Time deadline;
    bool asked = false;                     // an answer is worth waiting for
    std::optional<ExaminerRequest> request; // not in an examiner's hands yet
};

} // namespace

struct Examiner::State {
    Loop& loop;
    Spawner& spawner;
    std::function<void(WaitScan)> done;
    std::function<void(std::string)> log;
    std::shared_ptr<ExaminerHelper> process;
    StuckHelpers<ExaminerHelper> stuck;
    std::optional<Round> round;
    std::uint64_t number = 0; // of the round
    std::optional<Time> start_at;
    std::optional<Time> started_at;
    std::optional<Time> check_at;
    Duration silence = least_silence;
    LeftOut left_out;

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
        if (stuck.too_many()) {
            if (stuck.to_be_told())
                log(fmt::format("{} examiners hang: locks, descriptors and heartbeat files are not looked at until one "
                                "of them comes back",
                                stuck.all().size()));
            start_at = now + between_starts;
            return;
        }
        started_at = now;
        if (auto begun = begin(); !begun) {
            log("starting the examiner: " + begun.error().text);
            detach();
            start_at = now + between_starts;
        }
    }

    Result<void> begin() {
        auto started = start_examiner(spawner);
        if (!started) return std::unexpected(started.error());
        process = std::move(*started);
        return loop.watch(process->socket.get(), ready::in, [this](std::uint32_t events) {
            if ((events & ready::out) != 0) send();
            if ((events & ~ready::out) != 0) receive();
        });
    }

    std::shared_ptr<ExaminerHelper> detach() {
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
        round = Round{.scan = std::move(scan), .deadline = now, .request = {}};
        stuck.let_go();
        // One that is still at an earlier scan would come to this one too late.
        const bool ready = !process || !process->waiting;
        ExaminerRequest request;
        if (ready) ask_about_threads(request, now);
        ask_about_files(request, beat_files, now, ready);
        if (request.bytes.empty()) return;
        request.bytes += ew::encode(number, ew::Go{});
        round->request = std::move(request);
        round->asked = true;
        round->deadline = now + patience;
        if (!process && !start_at) start_soon(now);
        if (start_at && *start_at <= now) start(now);
        ask(now);
    }

    void ask_about_threads(ExaminerRequest& request, Time now) const {
        std::size_t questions = 0;
        const auto& threads = round->scan.threads;
        for (std::uint32_t i = 0; i < threads.size() && questions < most_questions; ++i) {
            const auto& thread = threads[i];
            if (!worth_a_look(thread) || is_left_out({.process = thread.process, .path = {}}, now)) continue;
            ++questions;
            request.processes.try_emplace(thread.process.pid, thread.process, thread.comm);
            request.bytes += ew::encode(number, Question{.index = i, .thread = thread});
        }
    }

    void ask_about_files(ExaminerRequest& request, const std::vector<std::string>& files, Time now, bool ready) {
        auto& beats = round->scan.beats;
        round->beats_at = beats.size();
        for (std::uint32_t i = 0; i < files.size(); ++i) {
            const bool hangs = is_left_out({.process = {}, .path = files[i]}, now);
            const auto* why = hangs ? ": looking at it blocks" : ": it was not looked at in time";
            beats.push_back({.path = files[i], .touched = {}, .error = files[i] + why});
            if (ready && !hangs) request.bytes += ew::encode(number, ew::BeatFile{.index = i, .path = files[i]});
        }
        request.files = files;
    }

    void ask(Time now) {
        if (!process || !round || !round->request) return;
        process->request = std::move(*round->request);
        round->request.reset();
        process->sent = 0;
        process->waiting = true;
        process->seen_word = process->word.load();
        process->seen_at = now;
        check_at = now + check_every;
        send();
    }

    [[nodiscard]] bool is_left_out(const LeftOut::Subject& subject, Time now) const {
        return (!left_out.empty() && left_out.contains(subject, now))
               || std::ranges::any_of(stuck.all(), [&](const auto& one) { return one->hangs_on == subject; });
    }

    void send() {
        const auto& bytes = process->request.bytes;
        while (process->sent < bytes.size()) {
            const auto written = write_some(process->socket.get(), std::string_view(bytes).substr(process->sent));
            if (written.how != Transfer::some) break; // a death shows on reading
            process->sent += written.bytes;
        }
        const bool more = process->sent < bytes.size();
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
                auto message = ew::decode(*frame);
                if (!message) continue;
                if (std::holds_alternative<ew::Done>(message->part)) answered();
                if (message->round == number) finished = take(std::move(message->part)) || finished;
            }
            if (got.how != Transfer::some || process->received.broken()) return died();
            if (finished) return finish(); // nothing of this round comes after it
        }
    }

    void answered() {
        process->waiting = false;
        process->request = {};
        process->sent = 0;
        check_at.reset();
        silence = least_silence;
    }

    // True: that was the end.
    bool take(ew::Part part) {
        if (!round) return false;
        auto& scan = round->scan;
        if (auto* answer = std::get_if<Answer>(&part); answer != nullptr) {
            put_answer(std::move(*answer), scan);
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
        // Addresses say nothing to a reader, and too much to some.
        for (auto& thread : scan.threads)
            if (KernelStacks::nameless(thread.kernel_stack)) thread.kernel_stack.clear();
        done(std::move(scan));
    }

    // Not by us. What it was asked is asked again with the next scan; whoever has killed it may do so with the next
    // one, too, so it is no reason to ask at once.
    void died() {
        replace(monotonic_now());
        if (round && round->asked) finish();
    }

    std::shared_ptr<ExaminerHelper> replace(Time now) {
        auto one = detach();
        check_at.reset();
        stuck.give_up(one);
        start_soon(now);
        return one;
    }

    void check(Time now) {
        check_at = now + check_every;
        const auto word = process->word.load();
        if (word != std::exchange(process->seen_word, word)) {
            process->seen_at = now;
            return;
        }
        const auto subject = subject_of(ew::Subject::unpacked(word));
        const bool somewhere = subject != LeftOut::Subject{};
        if (now - process->seen_at < (somewhere ? hanging : silence)) return;
        auto one = replace(now);
        one->hangs_on = subject;
        if (somewhere) {
            const auto span = std::chrono::duration_cast<std::chrono::minutes>(left_out.add(subject, now));
            log(fmt::format("looking at {} blocks: it is left out for {} min", name_of(*one, subject), span.count()));
        } else {
            silence = std::min(silence * 2, most_silence);
            log("the examiner does not answer: it is replaced");
        }
        if (round && round->asked) finish();
    }

    [[nodiscard]] LeftOut::Subject subject_of(const ew::Subject& subject) const {
        const auto& [bytes, processes, files] = process->request;
        if (subject.kind == ew::Subject::Kind::beat_file && subject.number < files.size())
            return {.process = {}, .path = files[subject.number]};
        if (subject.kind == ew::Subject::Kind::process) {
            if (const auto found = processes.find(subject.number); found != processes.end())
                return {.process = found->second.id, .path = {}};
        }
        return {};
    }

    [[nodiscard]] static std::string name_of(const ExaminerHelper& one, const LeftOut::Subject& subject) {
        if (!subject.path.empty()) return subject.path;
        return fmt::format("the memory of pid {} ({})", subject.process.pid,
                           one.request.processes.at(subject.process.pid).comm);
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
    const auto& state = *state_;
    std::optional<Time> next;
    for (const auto& due :
         {state.start_at, state.check_at, state.round ? std::optional(state.round->deadline) : std::nullopt})
        if (due && (!next || *due < *next)) next = due;
    return next;
}

void Examiner::advance(Time now) {
    auto& state = *state_;
    if (state.start_at && *state.start_at <= now) {
        state.start(now);
        state.ask(now);
    }
    if (state.check_at && *state.check_at <= now) state.check(now);
    if (state.round && state.round->deadline <= now) state.finish();
}

} // namespace nezuban
