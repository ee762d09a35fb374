// Two processes that hand a byte to each other on one processor, as a load of which nearly all is context switches.
#pragma once

#include "../live/identity.hpp"
#include "host.hpp"
#include "probe/stalls.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace nezuban::bench {

class PingPong {
public:
    PingPong() : child_({test::program("nzpingpong"), "--cpu", "1"}, {.ends_with_input = true}) {
        const auto ready = child_.read_line();
        for (const auto* key : {"pid", "other"})
            both_.push_back(test::identity_of(test::number_in(ready, key)));
    }
    // Bytes handed there and back, in a second.
    double run(std::chrono::milliseconds span) {
        const auto ran = child_.ask("run " + std::to_string(span.count()));
        const auto rounds = test::number_in(ran, "rounds");
        rounds_ += rounds;
        return static_cast<double>(rounds) * 1e9 / static_cast<double>(test::number_in(ran, "ns"));
    }
    // Of all runs until now.
    [[nodiscard]] long switches() const {
        return 2 * rounds_;
    }
    // Somebody who does nothing: the program is attached, and finds nobody of those who switch.
    void watch_bystander_in(Stalls& stalls) const {
        watch(stalls, bystander_);
    }
    void watch_both_in(Stalls& stalls) const {
        for (const auto& process : both_)
            watch(stalls, process);
    }
    void forget_all_in(Stalls& stalls) const {
        for (const auto& process : {both_[0], both_[1], bystander_}) {
            if (auto done = stalls.forget(process); !done) throw std::runtime_error(done.error().text);
        }
    }

private:
    static void watch(Stalls& stalls, const Identity& process) {
        if (auto done = stalls.watch(process, std::chrono::seconds(1)); !done)
            throw std::runtime_error(done.error().text);
    }

    test::Child child_;
    test::Child idle_ = test::start_program("nzidle");
    Identity bystander_ = test::identity_of(idle_.pid());
    std::vector<Identity> both_;
    long rounds_ = 0;
};

} // namespace nezuban::bench
