// A loop and a spawner, and the whole output of a command.
#pragma once

#include "io/children.hpp"
#include "io/clock.hpp"
#include "io/loop.hpp"
#include "io/spawner.hpp"
#include "io/unix_socket.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/wait.h>

namespace nezuban::test {

struct Ended {
    Spawned spawned;
    int status = 0; // as waitpid tells it
    std::string output;
};

class Spawning {
public:
    Spawning() : spawner(Spawner::start().value()), loop(Loop::create().value()) {
        REQUIRE(spawner.attach(loop));
    }

    Spawned wait_for(SpawnRequest request) {
        std::optional<Spawned> answer;
        REQUIRE(spawner.request(std::move(request), [&](const Spawned& spawned) { answer = spawned; }));
        while (!answer)
            REQUIRE(loop.step(std::nullopt));
        return *answer;
    }

    // All that is written to it, until nobody has its other end.
    static std::string read_all(const Fd& pipe) {
        std::string text;
        std::array<char, 4096> piece{};
        for (;;) {
            auto read = read_some(pipe.get(), piece);
            if (read.how == Transfer::later) {
                REQUIRE(wait_ready(pipe.get(), ready::in, std::nullopt));
                continue;
            }
            if (read.how != Transfer::some) return text;
            text.append(piece.data(), read.bytes);
        }
    }

    // To the end of its output and its life.
    Ended run(SpawnRequest request) {
        auto pipe = output_pipe().value();
        request.output = std::move(pipe.theirs);
        Ended ended{.spawned = wait_for(std::move(request))};
        ended.output = read_all(pipe.ours);
        ::waitpid(static_cast<pid_t>(ended.spawned.pid), &ended.status, 0);
        return ended;
    }

    Ended shell(const std::string& script) {
        return run({.argv = {"/bin/sh", "-c", script}});
    }

    Spawner spawner;
    Loop loop;
};

} // namespace nezuban::test
