// What the app does around Commands.
#pragma once

#include "act/commands.hpp"
#include "io/clock.hpp"
#include "io/loop.hpp"
#include "io/signals.hpp"
#include "io/spawner.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace nezuban::test {

class Here {
public:
    explicit Here(Commands::Limits most = {}) : limits(most) {
        REQUIRE(spawner.attach(loop));
        REQUIRE(loop.watch(signals.fd(), ready::in, [this](std::uint32_t) {
            if (!signals.read().empty()) commands.on_child();
        }));
    }

    void step() {
        REQUIRE(loop.step(commands.next_deadline()));
        commands.advance(monotonic_now());
    }
    CommandEnded end_of(CommandId id) {
        while (!ended.contains(id))
            step();
        return ended.at(id);
    }
    std::uint32_t start_of(CommandId id) {
        while (!started.contains(id))
            step();
        return started.at(id);
    }
    void wait_for_line(const std::string& line) {
        while (said.find(line + "\n") == std::string::npos)
            step();
    }
    RunCommand shell(CommandId id, const std::string& script) {
        return {.id = id, .argv = {"/bin/sh", "-c", script}, .timeout = std::chrono::minutes(1), .label = "test"};
    }

    Commands::Limits limits;
    Spawner spawner = Spawner::start().value();
    Loop loop = Loop::create().value();
    SignalFd signals = SignalFd::open().value();
    std::map<CommandId, std::uint32_t> started;
    std::map<CommandId, CommandEnded> ended;
    std::vector<std::string> order;
    std::string said;
    Commands commands{loop,
                      spawner,
                      [this](const Event& event) {
                          if (const auto* begin = std::get_if<CommandStarted>(&event)) {
                              started[begin->id] = begin->pid;
                          }
                          if (const auto* end = std::get_if<CommandEnded>(&event)) {
                              CHECK_FALSE(ended.contains(end->id));
                              ended[end->id] = *end;
                              order.push_back("ended");
                          }
                      },
                      [this](const std::string& label, const std::string& line) {
                          CHECK(label == "test");
                          said += line + "\n";
                          order.push_back(line);
                      },
                      [](const Incident& incident) { return "{\"reason\": \"" + incident.reason + "\"}"; },
                      limits};
};

} // namespace nezuban::test
