#include "act/commands.hpp"

#include "io/children.hpp"
#include "io/clock.hpp"
#include "io/errno.hpp"
#include "io/files.hpp"

#include <algorithm>
#include <csignal>
#include <ranges>

namespace nezuban {

using namespace std::chrono_literals;

namespace {

constexpr auto grace = 2s;

// Nobody waits for the end of one that is given an incident to tell of.
Commands::Lane lane_of(const RunCommand& command) {
    return command.input ? Commands::Lane::news : Commands::Lane::deeds;
}

CommandEnded never_started(CommandId id, std::string why) {
    return {.id = id, .error = std::move(why)};
}

} // namespace

Commands::Commands(Loop& loop, Spawner& spawner, Emit emit, Outputs::Line output, Render render)
    : Commands(loop, spawner, std::move(emit), std::move(output), std::move(render), Limits{}) {}

Commands::Commands(Loop& loop, Spawner& spawner, Emit emit, Outputs::Line output, Render render, Limits limits)
    : spawner_(spawner), emit_(std::move(emit)), render_(std::move(render)), limits_(limits),
      outputs_(loop, std::move(output)) {}

std::size_t Commands::running(Lane lane) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(commands_ | std::views::values, [lane](const Command& command) {
            return command.lane == lane && !command.adopted && !command.told;
        }));
}

std::size_t Commands::known(Lane lane) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(commands_ | std::views::values,
                              [lane](const Command& command) { return command.lane == lane && !command.adopted; }));
}

bool Commands::has_room(Lane lane) const {
    return !queues_.at(lane).empty() && running(lane) < limits_.running;
}

void Commands::run(RunCommand command) {
    auto& queue = queues_.at(lane_of(command));
    if (queue.size() >= limits_.queue) {
        events_.emplace_back(never_started(command.id, "too many commands are waiting already"));
    } else {
        queue.push_back(std::move(command));
    }
    settle();
}

void Commands::launch(RunCommand command) {
    auto id = command.id;
    const auto lane = lane_of(command);
    auto refuse = [&](std::string why) { events_.emplace_back(never_started(id, std::move(why))); };
    if (known(lane) >= limits_.known) return refuse("too many commands that were started never ended");
    if (commands_.contains(id)) return refuse("a command of this number is running already");
    SpawnRequest request{.argv = std::move(command.argv),
                         .environment = std::move(command.environment),
                         .guarded = guarded_,
                         .after = std::move(command.after)};
    if (command.input) {
        auto input = memory_file(render_(*command.input) + "\n");
        if (!input) return refuse(input.error().text);
        request.input = std::move(*input);
    }
    auto pipe = output_pipe();
    if (!pipe) return refuse(pipe.error().text);
    request.output = std::move(pipe->theirs);
    auto added = outputs_.add(id, command.label, std::move(pipe->ours), [this, id] {
        look(id);
        settle();
    });
    if (!added) return refuse(added.error().text);
    auto asked = spawner_.request(std::move(request), [this, id](const Spawned& spawned) {
        on_spawned(id, spawned);
        settle();
    });
    if (!asked) {
        outputs_.abandon(id);
        return refuse(asked.error().text);
    }
    Command entry{.lane = lane, .label = std::move(command.label)};
    if (command.timeout > Duration::zero()) entry.deadline = monotonic_now() + command.timeout;
    commands_.emplace(id, std::move(entry));
}

void Commands::on_spawned(CommandId id, const Spawned& spawned) {
    auto found = commands_.find(id);
    if (found == commands_.end()) return;
    auto& command = found->second;
    if (spawned.error != 0) {
        auto why = "starting it: " + errno_text(spawned.error);
        tell(id, command, never_started(id, why));
        commands_.erase(id);
        return;
    }
    command.pid = spawned.pid;
    if (command.told) { // so late that it was given up
        kill(command, monotonic_now());
    } else {
        command.phase = Phase::running;
        events_.emplace_back(CommandStarted{.id = id, .pid = spawned.pid});
        if (command.end_wanted) terminate(command, monotonic_now());
    }
    look(id); // its SIGCHLD may have been here before its pid
}

void Commands::end(CommandId id) {
    for (auto& queue : queues_ | std::views::values) {
        auto waiting = std::ranges::find(queue, id, &RunCommand::id);
        if (waiting == queue.end()) continue;
        queue.erase(waiting);
        events_.emplace_back(CommandEnded{.id = id, .timed_out = true, .error = "ended before it was started"});
    }
    auto found = commands_.find(id);
    if (found != commands_.end()) {
        auto& command = found->second;
        if (command.phase == Phase::asked && !command.end_wanted) {
            command.end_wanted = true;
            const auto latest = monotonic_now() + grace;
            command.deadline = command.deadline ? std::min(*command.deadline, latest) : latest;
        }
        if (command.phase == Phase::running) terminate(command, monotonic_now());
    }
    settle();
}

void Commands::adopt(CommandId id) {
    auto found = commands_.find(id);
    if (found != commands_.end() && found->second.phase <= Phase::running) {
        found->second.adopted = true;
        found->second.deadline.reset();
    }
    settle();
}

void Commands::terminate(Command& command, Time now) {
    command.phase = Phase::terminating;
    command.deadline = now + grace;
    signal_group(command.pid, SIGTERM);
}

void Commands::kill(Command& command, Time now) {
    command.phase = Phase::killing;
    command.deadline = command.told ? std::nullopt : std::optional<Time>(now + grace);
    signal_group(command.pid, SIGKILL);
}

// Has it ended? Then tell it and let it go.
void Commands::look(CommandId id) {
    auto found = commands_.find(id);
    if (found == commands_.end() || found->second.pid == 0) return;
    auto& command = found->second;
    auto end = look_at_child(command.pid);
    if (!end) return;
    bool by_us = command.phase >= Phase::terminating;
    if (command.phase == Phase::terminating) {
        // The rest of the group got the SIGTERM, too, and has its time to obey. As long as the leader isn't reaped its
        // number, and so the group's, can't become somebody else's.
        if (outputs_.open(id)) return;
        signal_group(command.pid, SIGKILL);
    }
    reap_child(command.pid);
    CommandEnded ended{.id = id, .exit_code = end->exit_code, .signal = end->signal, .timed_out = by_us};
    if (end->exit_code < 0) ended.error = "somebody else took note of its end";
    tell(id, command, std::move(ended));
    commands_.erase(id);
}

void Commands::tell(CommandId id, Command& command, CommandEnded ended) {
    if (command.told) return;
    command.told = true;
    outputs_.abandon(id);
    outputs_.drain(id); // what it said last comes before its end
    events_.emplace_back(std::move(ended));
}

void Commands::on_child() {
    std::vector<CommandId> ids;
    ids.reserve(commands_.size());
    for (const auto& [id, command] : commands_)
        ids.push_back(id);
    for (auto id : ids)
        look(id);
    others_ended_ = true;
    reap_others();
    settle();
}

// With a request unanswered, a child that nobody knows may be the one asked for: then as soon as there is none. And a
// command that is not let go yet hides who ended after it. No other SIGCHLD may ever come.
void Commands::reap_others() {
    if (!others_ended_ || spawner_.outstanding() > 0) return;
    const bool all = reap_strays([this](std::uint32_t pid) {
        return std::ranges::any_of(commands_ | std::views::values,
                                   [pid](const Command& command) { return command.pid == pid; });
    });
    others_ended_ = !all;
}

void Commands::overdue(CommandId id, Command& command, Time now) {
    switch (command.phase) {
    case Phase::asked:
        command.deadline.reset();
        tell(id, command, {.id = id, .timed_out = true, .error = "the spawner didn't start it in time"});
        break;
    case Phase::running: terminate(command, now); break;
    case Phase::terminating: kill(command, now); break;
    case Phase::killing:
        command.deadline.reset();
        tell(id, command, {.id = id, .timed_out = true, .error = "not even SIGKILL ends it"});
        break;
    }
}

void Commands::advance(Time now) {
    std::vector<CommandId> due;
    for (const auto& [id, command] : commands_) {
        if (command.deadline && *command.deadline <= now) due.push_back(id);
    }
    for (auto id : due) {
        auto found = commands_.find(id);
        if (found == commands_.end()) continue;
        look(id); // it may have ended just now
        found = commands_.find(id);
        if (found == commands_.end()) continue;
        overdue(id, found->second, now);
        look(id);
    }
    reap_others();
    outputs_.advance(now);
    settle();
}

std::optional<Time> Commands::next_deadline() const {
    auto next = outputs_.next_deadline();
    for (const auto& command : commands_ | std::views::values) {
        if (command.deadline && (!next || *command.deadline < *next)) next = command.deadline;
    }
    return next;
}

// Starts what there is room for, and tells what has happened.
void Commands::settle() {
    if (settling_) return;
    settling_ = true;
    do {
        for (auto& [lane, queue] : queues_) {
            while (has_room(lane)) {
                auto next = std::move(queue.front());
                queue.pop_front();
                launch(std::move(next));
            }
        }
        auto events = std::exchange(events_, {});
        for (auto& event : events)
            emit_(std::move(event));
    } while (!events_.empty() || has_room(Lane::deeds) || has_room(Lane::news));
    settling_ = false;
}

} // namespace nezuban
