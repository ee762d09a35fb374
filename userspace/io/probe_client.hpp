// Asks many services at once whether they are there. For the prober alone: loading what it needs, a name in a directory
// on a dead network disk and other things of its surroundings may block.
#pragma once

#include "core/intent.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nezuban {

class ProbeClient {
public:
    struct Answer {
        std::uint64_t number = 0;
        std::string error; // empty: it is there
    };

    static Result<ProbeClient> create();
    ~ProbeClient();
    ProbeClient(ProbeClient&&) noexcept;
    ProbeClient& operator=(ProbeClient&&) noexcept;

    // number: as the answer shall carry it. Of the probe its kind, target and time-out are used.
    void ask(std::uint64_t number, const Probe& probe);
    // Waits until there are answers, or `fd` can be read.
    [[nodiscard]] std::vector<Answer> step(int fd);

private:
    struct State;
    explicit ProbeClient(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban
