// The real kernel, seen through the observer and judged by a real engine that acts on nothing.
#pragma once

#include "app/observer.hpp"
#include "engine/engine.hpp"
#include "io/clock.hpp"
#include "support/child.hpp"
#include "support/features.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#define NEEDS_BPF()                                                                                                    \
    if (!nezuban::test::can_load_bpf()) SKIP(nezuban::test::why_no_bpf())

namespace nezuban::test {

inline RuleSpec rule_of(std::string name, MatchSpec match) {
    RuleSpec rule{.name = std::move(name), .match = std::move(match)};
    rule.count.min = 0;
    return rule;
}

class Lab {
public:
    explicit Lab(std::vector<RuleSpec> rules, std::uint64_t ring_size = 4U << 20U,
                 const Features& features = test::features())
        : observer_(must(Observer::attach(features, ring_size))),
          engine_({.events_told = features.mode != Mode::polling}, std::move(rules), {}, {}) {
        observer_.compare();
        // The first pass; what happens from here on is told by events.
        pump_until([&] { return passes_ > 0; });
    }

    // Takes in what the kernel tells until it is so; throws when that takes too long.
    void pump_until(const std::function<bool()>& done, Deadline deadline = after()) {
        while (true) {
            const bool more = must(observer_.work(ends()));
            if (done()) return;
            if (!more) await_more(deadline);
            if (Clock::now() > deadline) give_up("it did not become so in time");
        }
    }
    // One more comparison with the kernel's list, to its end.
    void compare() {
        const auto before = passes_;
        observer_.compare();
        pump_until([&] { return passes_ > before; });
    }

    [[nodiscard]] std::vector<std::uint32_t> pids(std::size_t rule = 0) const {
        std::vector<std::uint32_t> pids;
        const auto matches = engine_.matches();
        for (const auto& process : matches.at(rule)) {
            pids.push_back(process.id.pid);
        }
        return pids;
    }
    [[nodiscard]] bool counts(long pid, std::size_t rule = 0) const {
        const auto all = pids(rule);
        return std::ranges::find(all, static_cast<std::uint32_t>(pid)) != all.end();
    }
    void await_counted(long pid, std::size_t rule = 0) {
        pump_until([&] { return counts(pid, rule); });
    }

    // The first event of this kind that is so, among all since the start; awaited if it isn't there yet.
    template <typename Kind> Kind await(const std::function<bool(const Kind&)>& wanted) {
        std::optional<Kind> found;
        pump_until([&] {
            for (const auto& event : events_) {
                const auto* one = std::get_if<Kind>(&event);
                if (one != nullptr && wanted(*one)) {
                    found = *one;
                    return true;
                }
            }
            return false;
        });
        return *found;
    }
    Exited await_exit(long pid) {
        return await<Exited>([&](const Exited& exit) { return exit.id.pid == static_cast<std::uint32_t>(pid); });
    }

    [[nodiscard]] const std::vector<Event>& events() const {
        return events_;
    }
    // That found the ring full.
    [[nodiscard]] std::uint64_t lost_in_ring() const {
        std::uint64_t lost = 0;
        for (const auto& event : events_) {
            if (const auto* losses = std::get_if<EventsLost>(&event)) lost += losses->total() - losses->skipped;
        }
        return lost;
    }
    [[nodiscard]] Engine& engine() {
        return engine_;
    }
    [[nodiscard]] const Observer& observer() const {
        return observer_;
    }
    [[nodiscard]] int passes() const {
        return passes_;
    }

private:
    void await_more(Deadline deadline) {
        if (observer_.descriptor() < 0) { // where nothing tells, it is looked at again and again
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            observer_.compare();
        } else if (!wait_readable(observer_.descriptor(), std::min(deadline, Clock::now() + turn))
                   && Clock::now() >= deadline) {
            give_up("the kernel told nothing more; the rules count " + counts_by_look());
        }
    }
    // Where tracepoints can be preempted (7.2) an event is lost now and then, and told as that: what happened is known
    // from the next comparison, and by whom isn't.
    [[noreturn]] void give_up(const std::string& why) const {
        for (const auto& event : events_) {
            const auto* losses = std::get_if<EventsLost>(&event);
            if (losses != nullptr && losses->skipped > 0) excuse("the kernel skipped a run of one of our programs");
        }
        throw std::runtime_error(why);
    }
    // As events have told, then as the ring tells without having woken anybody, then as the list does.
    std::string counts_by_look() {
        std::string counts;
        const auto add = [&] {
            for (const auto& matches : engine_.matches())
                counts += std::to_string(matches.size()) + " ";
        };
        add();
        must(observer_.work(ends()));
        counts += "then ";
        add();
        observer_.compare();
        while (observer_.comparing())
            must(observer_.work(ends()));
        counts += "compared ";
        add();
        return counts + "lost " + std::to_string(engine_.view(now_).events_lost);
    }
    template <typename T> static T must(Result<T> result) {
        if (!result) throw std::runtime_error(result.error().text);
        return std::move(*result);
    }

    Observer::Ends ends() {
        return {.needs = [this](const Event& event) { return engine_.needs_of(event); },
                .event =
                    [this](const Event& event, Time time) {
                        now_ = std::max(now_, time);
                        Intents intents;
                        engine_.handle(event, now_, intents);
                        for (const auto& intent : intents) {
                            if (std::holds_alternative<Resync>(intent)) observer_.compare();
                        }
                        if (std::holds_alternative<SnapshotEnded>(event)) ++passes_;
                        if (!std::holds_alternative<SnapshotTask>(event)) events_.push_back(event);
                    }};
    }

    // The daemon's loop turns as often, and finds then what the kernel has skipped.
    static constexpr std::chrono::milliseconds turn{500};

    Observer observer_;
    Engine engine_;
    Time now_{};
    int passes_ = 0;
    std::vector<Event> events_; // but the snapshots' tasks
};

} // namespace nezuban::test
