// Carries out RunCommand, EndCommand and AdoptCommand, without ever waiting for anything.
#pragma once

#include "act/outputs.hpp"
#include "core/event.hpp"
#include "core/intent.hpp"
#include "io/loop.hpp"
#include "io/spawner.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

class Commands {
public:
    using Emit = std::function<void(Event)>; // CommandStarted, CommandEnded; may call back into run, end and adopt
    using Render = std::function<std::string(const Incident&)>;

    // Of each lane, adopted ones not counted. Those that only tell of something, whose mail server may be what has
    // fallen, have a lane of their own: a restart never waits for them.
    struct Limits {
        std::size_t running = 64;
        std::size_t queue = 1000; // wait for a place
        std::size_t known = 1000; // with those that even SIGKILL can't end
    };

    // Loop and spawner must outlive this; the spawner must be attached to the loop.
    Commands(Loop& loop, Spawner& spawner, Emit emit, Outputs::Line output, Render render);
    Commands(Loop& loop, Spawner& spawner, Emit emit, Outputs::Line output, Render render, Limits limits);

    // From the next one on, no command is executed as root that others could alter.
    void guard(bool guarded) {
        guarded_ = guarded;
    }

    // Every RunCommand is answered by one CommandEnded, at the latest 4 s after its time-out or after it was to be
    // ended. Its time begins when it leaves the queue.
    void run(RunCommand command);
    void end(CommandId id);
    void adopt(CommandId id);

    // SIGCHLD has come: some child has ended.
    void on_child();

    // Time-outs. A command whose time is over gets SIGTERM, 2 s later SIGKILL, each to its whole process group.
    void advance(Time now);
    [[nodiscard]] std::optional<Time> next_deadline() const;

    enum class Lane { deeds, news };

    [[nodiscard]] std::size_t running(Lane lane) const; // as Limits counts
    [[nodiscard]] std::size_t queued(Lane lane) const {
        return queues_.at(lane).size();
    }

private:
    enum class Phase { asked, running, terminating, killing };

    struct Command {
        std::uint32_t pid = 0; // 0: asked for
        Phase phase = Phase::asked;
        Lane lane = Lane::deeds;
        std::string label;
        std::optional<Time> deadline; // of the phase
        bool end_wanted = false;      // before it was there
        bool adopted = false;
        bool told = false; // its CommandEnded is out; what is left is to reap it
    };

    void launch(RunCommand command);
    void on_spawned(CommandId id, const Spawned& spawned);
    void terminate(Command& command, Time now);
    void kill(Command& command, Time now);
    void look(CommandId id);
    void overdue(CommandId id, Command& command, Time now);
    void tell(CommandId id, Command& command, CommandEnded ended);
    void settle();
    void reap_others();
    [[nodiscard]] bool has_room(Lane lane) const;
    [[nodiscard]] std::size_t known(Lane lane) const;

    Spawner& spawner_;
    Emit emit_;
    Render render_;
    Limits limits_;
    std::map<CommandId, Command> commands_;
    std::map<Lane, std::deque<RunCommand>> queues_{{Lane::deeds, {}}, {Lane::news, {}}};
    std::vector<Event> events_; // to be emitted when nothing here is being walked through
    bool guarded_ = true;
    bool settling_ = false;
    bool others_ended_ = false; // perhaps, children that are no commands: helpers of the daemon
    Outputs outputs_;
};

} // namespace nezuban
