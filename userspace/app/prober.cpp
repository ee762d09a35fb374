#include "app/prober.hpp"

#include "app/helper.hpp"
#include "app/prober_wire.hpp"
#include "core/tell.hpp"
#include "io/clock.hpp"
#include "io/unix_socket.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

namespace {

namespace pw = prober_wire;
using namespace std::chrono_literals;

constexpr Duration grace = 1s; // for an answer that the prober itself had to give at the time-out
constexpr Duration between_starts = 1s;
// Nothing at all from it. It may just get no processor: to replace it makes that worse, so the next one is given twice
// as long.
constexpr Duration least_silence = 1s;
constexpr Duration most_silence = 1min;
constexpr std::size_t most_pending = 4096;

struct Pending {
    Probe probe;
    Time due; // the prober's answer; ours, that there is none, comes a little later
    [[nodiscard]] Time deadline() const {
        return due + grace;
    }
};

} // namespace

struct Prober::State {
    Loop& loop;
    Spawner& spawner;
    std::function<void(Probed)> done;
    std::function<void(std::string)> log;
    std::shared_ptr<Helper> process;
    StuckHelpers<Helper> stuck;
    std::unordered_map<std::uint64_t, Pending> pending;
    std::vector<CommandId> refused;
    std::uint64_t number = 0;
    std::optional<Time> next; // the earliest deadline of all
    std::string output;       // to be sent
    std::size_t sent = 0;     // bytes of it
    std::string why_not;      // it could not be started
    std::optional<Time> start_at;
    std::optional<Time> started_at;
    Time heard_at;
    std::optional<Time> owes_since; // an answer; nothing was heard from it since
    Duration silence = least_silence;

    State(Loop& its_loop, Spawner& its_spawner, std::function<void(Probed)> when_done,
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

    void start_if_needed(Time now) {
        if (process) return;
        if (!start_at) start_at = started_at ? std::max(now, *started_at + between_starts) : now;
        if (*start_at <= now) start(now);
    }

    void start(Time now) {
        start_at.reset();
        if (stuck.too_many()) {
            why_not = fmt::format("{} probers hang", stuck.all().size());
            if (stuck.to_be_told()) log(why_not + ": nothing is probed until one of them comes back");
            start_at = now + between_starts;
            return;
        }
        started_at = now;
        heard_at = now;
        owes_since.reset();
        if (auto begun = begin(); !begun) {
            why_not = "starting the prober: " + begun.error().text;
            log(why_not);
            detach();
            start_at = now + between_starts;
        }
    }

    Result<void> begin() {
        auto started = std::make_shared<Helper>();
        // A name server that is gone shall not keep one thread a question for 30 s.
        HelperRole role{.name = "prober", .environment = {{"RES_OPTIONS", "timeout:2 attempts:2"}}};
        if (auto asked = start_helper(spawner, std::move(role), started); !asked) return asked;
        process = std::move(started);
        why_not.clear();
        for (const auto& [its_number, one] : pending)
            output += pw::encode(pw::Question{.number = its_number, .probe = one.probe});
        auto watched = loop.watch(process->socket.get(), ready::in, [this](std::uint32_t events) {
            if ((events & ready::out) != 0) send();
            if ((events & ~ready::out) != 0) receive();
        });
        if (watched) send();
        return watched;
    }

    std::shared_ptr<Helper> detach() {
        if (process) {
            loop.forget(process->socket.get());
            process->socket.reset();
        }
        return std::exchange(process, nullptr);
    }

    // Whatever it was asked has failed.
    void replace(const std::string& why) {
        const auto one = detach();
        stuck.give_up(one);
        output.clear();
        sent = 0;
        if (refused.empty()) next.reset();
        for (const auto& [its_number, asked] : std::exchange(pending, {}))
            done({.id = asked.probe.id, .error = why});
    }

    // --- questions and answers ----------------------------------------------------------------------------

    void ask(const Probe& probe) {
        const auto now = monotonic_now();
        if (pending.size() >= most_pending) {
            refused.push_back(probe.id);
            next = now;
            return;
        }
        const auto& asked =
            pending.emplace(++number, Pending{.probe = probe, .due = now + probe.timeout}).first->second;
        next = next ? std::min(*next, asked.deadline()) : asked.deadline();
        if (!process) return start_if_needed(now);
        output += pw::encode(pw::Question{.number = number, .probe = probe});
        send();
    }

    void send() {
        while (sent < output.size()) {
            const auto written = write_some(process->socket.get(), std::string_view(output).substr(sent));
            if (written.how != Transfer::some) break; // a death shows on reading
            sent += written.bytes;
        }
        const bool more = sent < output.size();
        if (!more) {
            output.clear();
            sent = 0;
        }
        [[maybe_unused]] auto changed = loop.modify(process->socket.get(), more ? ready::in | ready::out : ready::in);
    }

    void receive() {
        // Held: whoever is told may ask, and what is asked may find this one gone.
        const auto one = process;
        std::array<char, 65536> piece{};
        while (one && one == process) {
            const auto got = read_some(one->socket.get(), piece);
            if (got.how == Transfer::later) return;
            if (got.how == Transfer::some) {
                one->received.add({piece.data(), got.bytes});
                heard_at = monotonic_now();
                owes_since.reset();
                silence = least_silence;
            }
            while (auto frame = one->received.next()) {
                if (auto answer = pw::decode_answer(*frame)) answered(std::move(*answer));
            }
            if (got.how != Transfer::some || one->received.broken()) {
                log("the prober ended: it is replaced when it is needed");
                return replace("the prober ended");
            }
        }
    }

    void answered(pw::Answer answer) {
        const auto found = pending.find(answer.number);
        if (found == pending.end()) return; // it came too late
        const auto id = found->second.probe.id;
        pending.erase(found);
        if (pending.empty() && refused.empty()) next.reset();
        done({.id = id, .error = std::move(answer.error)});
    }

    // --- time ---------------------------------------------------------------------------------------------

    void expire(Time now) {
        std::vector<Probe> late;
        next.reset();
        for (auto one = pending.begin(); one != pending.end();) {
            const auto& asked = one->second;
            if (asked.deadline() > now) {
                next = next ? std::min(*next, asked.deadline()) : asked.deadline();
                ++one;
                continue;
            }
            if (asked.due >= heard_at) owes_since = std::min(asked.due, owes_since.value_or(asked.due));
            late.push_back(std::move(one->second.probe));
            one = pending.erase(one);
        }
        const auto too_many = std::exchange(refused, {});
        if (process && owes_since && now - *owes_since >= silence) {
            silence = std::min(silence * 2, most_silence);
            log("the prober does not answer: it is replaced");
            replace("the prober did not answer");
        }
        for (const auto& one : late)
            done({.id = one.id, .error = why_not.empty() ? "no answer within " + tell(one.timeout) : why_not});
        for (const auto id : too_many)
            done({.id = id, .error = "too many probes at once"});
    }
};

Prober::Prober(Loop& loop, Spawner& spawner, std::function<void(Probed)> done, std::function<void(std::string)> log)
    : state_(std::make_unique<State>(loop, spawner, std::move(done), std::move(log))) {}
Prober::~Prober() = default;

void Prober::prepare() {
    state_->start_if_needed(monotonic_now());
}

void Prober::ask(const Probe& probe) {
    state_->ask(probe);
}

std::uint32_t Prober::pid() const {
    return state_->process ? state_->process->pid : 0;
}

std::optional<Time> Prober::next_deadline() const {
    const auto& state = *state_;
    if (!state.start_at) return state.next;
    return state.next ? std::min(*state.next, *state.start_at) : *state.start_at;
}

void Prober::advance(Time now) {
    auto& state = *state_;
    state.stuck.let_go();
    if (state.start_at && *state.start_at <= now) state.start(now);
    if (!state.next || *state.next > now) return;
    if (state.process) state.receive(); // we may have been stopped, and the answers be there
    if (state.next && *state.next <= now) state.expire(now);
}

} // namespace nezuban
