#include "app/args_reader.hpp"

#include "app/args_wire.hpp"
#include "app/helper.hpp"
#include "io/clock.hpp"
#include "io/loop.hpp"
#include "io/process_state.hpp"
#include "io/unix_socket.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

namespace aw = args_wire;
using namespace std::chrono_literals;

constexpr Duration patience = 30ms;      // reading takes 10 µs
constexpr Duration longest_turn = 300ms; // of one that is not kept waiting, but gets no processor
constexpr Duration birth = 1s;           // usually 10 ms
constexpr Duration between_starts = 1s;  // of those that die of themselves
constexpr Duration longest_pause = 1min; // between those that don't answer at all
constexpr Duration shortest_rest = 1s;   // of one who kept us waiting; doubled each time
constexpr Duration longest_rest = 5min;
constexpr Duration window = 1s;
constexpr Duration most_of_one_user = 60ms; // in a window
constexpr Duration most_of_all = 300ms;
constexpr Duration most_at_first = 3s;
constexpr std::size_t at_once = 64; // so many questions fit into the socket while nobody reads them
constexpr int most_deaths = 2;      // in one reading

} // namespace

struct ArgsReader::State {
    enum class Came { answer, nothing, death };
    struct Rest {
        Duration span{};
        Time until;
        std::uint64_t comparison = 0; // asked about in
    };

    Spawner& spawner;
    std::function<void(std::string)> log;
    std::shared_ptr<Helper> process;
    bool born = false;
    StuckHelpers<Helper> stuck;
    bool served = false; // it has answered a question
    Duration cost{};
    Duration counted{}; // of this process
    std::optional<Time> not_before;
    Duration pause = between_starts;
    std::unordered_map<Identity, Rest, IdentityHash> resting;
    std::uint64_t comparison = 1;
    bool begun = false; // the first comparison is over
    Time window_began;
    Duration lost{}; // waiting, in this window
    std::unordered_map<std::uint32_t, Duration> lost_on_user;

    State(Spawner& its_spawner, std::function<void(std::string)> to_log)
        : spawner(its_spawner), log(std::move(to_log)) {}

    // --- the process --------------------------------------------------------------------------------------

    bool start(Time now) {
        if (process) return true;
        if (not_before && now < *not_before) return false;
        if (stuck.too_many()) {
            if (stuck.to_be_told())
                log(fmt::format("{} readers of arguments hang: none are read until one of them comes back",
                                stuck.all().size()));
            not_before = now + between_starts;
            return false;
        }
        auto one = std::make_shared<Helper>();
        if (auto asked = start_helper(spawner, {.name = "args"}, one); !asked) {
            log("starting the reader of arguments: " + asked.error().text);
            not_before = now + between_starts;
            return false;
        }
        process = std::move(one);
        born = false;
        served = false;
        counted = {};
        return true;
    }

    // True: there is one that answers.
    bool awake() {
        if (!start(monotonic_now())) return false;
        if (born) return true;
        aw::Message first;
        const auto came = hear(first, begun ? birth : most_at_first);
        if (came == Came::answer) {
            born = true;
            pause = between_starts;
            counted = first.cost;     // its birth is no part of any reading
            process->pid = first.pid; // before the spawner's answer, for which the loop has to turn
            process->child = HelperProcess(first.pid);
            return true;
        }
        drop();
        if (came == Came::nothing) log("the reader of arguments does not begin: it is replaced");
        not_before = monotonic_now() + std::exchange(pause, std::min(pause * 2, longest_pause));
        return false;
    }

    void drop() {
        const auto one = std::exchange(process, nullptr);
        one->socket.reset();
        stuck.give_up(one);
    }

    // One frame; nothing: none came in this time.
    Came hear(aw::Message& message, Duration time) {
        std::array<char, 16384> piece{};
        for (;;) {
            if (const auto frame = process->received.next()) {
                auto heard = aw::decode(*frame);
                if (!heard) return Came::death;
                message = std::move(*heard);
                return Came::answer;
            }
            const auto got = read_some(process->socket.get(), piece);
            if (got.how == Transfer::some)
                process->received.add({piece.data(), got.bytes});
            else if (got.how != Transfer::later || process->received.broken())
                return Came::death;
            else if (!wait_ready(process->socket.get(), ready::in, time))
                return Came::nothing;
        }
    }

    // Nothing: it is kept waiting. Whoever gets no processor, is stopped or has died is not.
    Came hear_of_process(aw::Message& message) {
        const auto began = monotonic_now();
        for (;;) {
            const auto came = hear(message, patience);
            if (came != Came::nothing) return came;
            const auto state = read_process_state(process->pid);
            if (!state || !state->alive() || state->letter == 'T' || state->letter == 't') return Came::death;
            // Read after the state: the answer may have come since, all of us having stood still.
            if (const auto late = hear(message, Duration::zero()); late != Came::nothing) return late;
            if (state->letter != 'R') return Came::nothing;
            if (monotonic_now() - began >= longest_turn) return Came::death;
        }
    }

    // --- questions and answers ----------------------------------------------------------------------------

    std::vector<Text> read(std::span<const Asked> asked) {
        std::vector<Text> texts(asked.size());
        int deaths = 0;
        for (std::size_t next = 0; next < asked.size();) {
            std::vector<std::size_t> group;
            const auto now = monotonic_now();
            for (; next < asked.size() && group.size() < at_once; ++next)
                if (may_ask(asked[next], now)) group.push_back(next);
            if (group.empty()) break;
            if (!awake()) break;
            std::string questions;
            for (const auto i : group)
                questions += aw::encode({.pid = asked[i].id.pid});
            // So few always fit; a death shows on reading.
            (void)write_some(process->socket.get(), questions);
            for (const auto i : group) {
                aw::Message answer;
                const auto came = hear_of_process(answer);
                if (came == Came::answer && answer.pid == asked[i].id.pid) {
                    served = true;
                    cost += answer.cost - std::exchange(counted, answer.cost);
                    if (answer.args) texts[i] = std::make_shared<const std::string>(std::move(*answer.args));
                    continue;
                }
                drop();
                if (came == Came::nothing)
                    kept_waiting(asked[i]);
                else
                    died();
                next = came == Came::nothing || ++deaths > most_deaths ? i + 1 : i;
                break;
            }
        }
        return texts;
    }

    // One that dies whenever it is started shall not keep the machine busy.
    void died() {
        if (!served) not_before = monotonic_now() + between_starts;
    }

    bool may_ask(const Asked& one, Time now) {
        if (const auto found = resting.find(one.id); found != resting.end()) {
            found->second.comparison = comparison;
            if (now < found->second.until) return false;
        }
        if (begun && now - window_began >= window) {
            window_began = now;
            lost = {};
            lost_on_user.clear();
        }
        if (lost == Duration::zero()) return true;
        if (lost >= (begun ? most_of_all : most_at_first)) return false;
        const auto of_user = lost_on_user.find(one.uid);
        return of_user == lost_on_user.end() || of_user->second < (begun ? most_of_one_user : most_at_first);
    }

    void kept_waiting(const Asked& one) {
        lost += patience;
        lost_on_user[one.uid] += patience;
        const auto [found, fresh] = resting.try_emplace(one.id);
        auto& rest = found->second;
        rest.span = std::clamp(rest.span * 2, shortest_rest, longest_rest);
        rest.until = monotonic_now() + rest.span;
        rest.comparison = comparison;
        if (fresh)
            log(fmt::format("the arguments of pid {} ({}) can't be read: whoever looks at its memory is kept waiting. "
                            "What is known of them stays; they are read when that is over, tried ever less often",
                            one.id.pid, one.comm));
    }
};

ArgsReader::ArgsReader(Spawner& spawner, std::function<void(std::string)> log)
    : state_(std::make_unique<State>(spawner, std::move(log))) {}

ArgsReader::~ArgsReader() {
    if (state_->process) state_->drop();
}

void ArgsReader::prepare() {
    state_->start(monotonic_now());
}

std::vector<Text> ArgsReader::read(std::span<const Asked> asked) {
    return state_->read(asked);
}

void ArgsReader::compared(bool complete) {
    auto& state = *state_;
    state.begun = true;
    if (complete)
        std::erase_if(state.resting, [&](const auto& one) { return one.second.comparison != state.comparison; });
    ++state.comparison;
}

Duration ArgsReader::cost() const {
    return state_->cost;
}

std::uint32_t ArgsReader::pid() const {
    return state_->process ? state_->process->pid : 0;
}

} // namespace nezuban
