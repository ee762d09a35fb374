// What messages about numbers mean, with a /proc of our own.
#include "app/proc_events.hpp"

#include <map>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

using Kind = ProcMessage::Kind;

// Processes that are there, and what is left of those that are ending.
class Machine {
public:
    ProcLives lives{{.task = [this](std::uint32_t pid) -> Result<std::optional<ProcTask>> {
                         if (unreadable) return fail("too many open files");
                         const auto found = tasks.find(pid);
                         return found == tasks.end() ? std::nullopt : std::optional(found->second);
                     },
                     .remains = [this](const Identity& id) -> Result<Remains> {
                         if (unreadable) return fail("too many open files");
                         const auto found = tasks.find(id.pid);
                         if (found == tasks.end() || found->second.told.process.id != id) return Remains::nothing;
                         const auto rest = left.find(id.pid);
                         return rest == left.end() ? Remains::leader : rest->second;
                     },
                     .borrows = [this](const ProcTask&, std::uint32_t) { return borrowed; }}};
    std::map<std::uint32_t, ProcTask> tasks;
    std::map<std::uint32_t, Remains> left;
    bool unreadable = false;
    bool borrowed = false;

    void run(std::uint32_t pid, std::uint64_t start, const std::string& comm = "scand") {
        tasks[pid] = {.told = {.process = {.id = {.pid = pid, .start_ns = start}, .comm = comm}}, .executed = false};
        left.erase(pid);
    }
    std::optional<Event> fork(std::uint32_t child, std::uint32_t parent = 1) {
        return lives.take({.kind = Kind::fork, .tid = child, .pid = child, .parent = parent});
    }
    std::optional<Event> exit(std::uint32_t tid, std::uint32_t pid, int status = 0) {
        return lives.take(
            {.kind = Kind::exit, .time = Time(std::chrono::seconds(7)), .tid = tid, .pid = pid, .status = status});
    }
    void list(const std::vector<std::uint32_t>& pids) {
        lives.list_began();
        for (const auto pid : pids)
            lives.listed(tasks.at(pid).told);
        lives.list_ended(true);
    }
};

template <typename Kind> Kind as(const std::optional<Event>& event) {
    REQUIRE(event);
    REQUIRE(std::holds_alternative<Kind>(*event));
    return std::get<Kind>(*event);
}

} // namespace

TEST_CASE("a process with one thread: born, executes, ends with its status and the time it was told") {
    Machine machine;
    machine.run(1, 10);
    machine.list({1});
    machine.run(20, 50);

    const auto fork = as<Forked>(machine.fork(20));
    CHECK(fork.child.id == Identity{.pid = 20, .start_ns = 50});
    CHECK(fork.parent == Identity{.pid = 1, .start_ns = 10});
    CHECK_FALSE(fork.shares_memory);

    machine.run(20, 50, "filter");
    const auto exec = as<Execed>(machine.lives.take({.kind = Kind::exec, .tid = 20, .pid = 20}));
    CHECK(exec.process.comm == "filter");
    CHECK_FALSE(exec.process.exe);

    machine.tasks.erase(20);
    const auto exit = as<Exited>(machine.exit(20, 20, 3 << 8));
    CHECK(exit.id == Identity{.pid = 20, .start_ns = 50});
    CHECK(exit.cause == Cause{.exit_code = 3, .known = true});
    CHECK(exit.fell == Time(std::chrono::seconds(7)));
    CHECK_FALSE(machine.exit(20, 20, 3 << 8));
}

TEST_CASE("a signal and a core are read from the status; nobody is named as the sender") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);
    machine.tasks.erase(20);
    CHECK(as<Exited>(machine.exit(20, 20, 11 | 0x80)).cause == Cause{.signal = 11, .core = true, .known = true});
}

TEST_CASE("a child that is gone before it can be read was never there") {
    Machine machine;
    CHECK_FALSE(machine.fork(20));
    CHECK_FALSE(machine.lives.take({.kind = Kind::exec, .tid = 20, .pid = 20}));
    CHECK_FALSE(machine.exit(20, 20));
    CHECK(machine.lives.take_unread() == 0);
}

TEST_CASE("a child in its parent's memory is nobody's copy, nor is one that has executed something meanwhile") {
    Machine machine;
    machine.run(20, 50);
    machine.borrowed = true;
    CHECK(as<Forked>(machine.fork(20)).shares_memory);

    machine.borrowed = false;
    machine.run(21, 51);
    machine.tasks[21].executed = true;
    CHECK(as<Forked>(machine.fork(21)).shares_memory);
}

TEST_CASE("threads come and go untold while the leader lives, and nothing is looked up for them") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);
    CHECK_FALSE(machine.lives.take({.kind = Kind::fork, .tid = 22, .pid = 20, .parent = 1}));
    machine.unreadable = true;
    CHECK_FALSE(machine.exit(22, 20));
    CHECK(machine.lives.take_unread() == 0);
}

TEST_CASE("a process whose leader ends first is dead when its last thread is, with the status of its end") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);
    machine.left[20] = Remains::threads;
    CHECK_FALSE(machine.exit(20, 20, 0));
    CHECK_FALSE(machine.exit(21, 20, 0));

    machine.left[20] = Remains::nothing;
    CHECK(as<Exited>(machine.exit(22, 20, 7 << 8)).cause.exit_code == 7);
}

TEST_CASE("the leader's status counts when the others end by themselves") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);
    machine.left[20] = Remains::threads;
    CHECK_FALSE(machine.exit(20, 20, 5 << 8));
    machine.left[20] = Remains::nothing;
    CHECK(as<Exited>(machine.exit(21, 20, 0)).cause.exit_code == 5);
}

TEST_CASE("of a process that was listed, nobody knows whether its leader lives: it is looked up once") {
    Machine machine;
    machine.run(20, 50);
    machine.list({20});
    CHECK_FALSE(machine.exit(21, 20)); // the leader lives
    machine.unreadable = true;
    CHECK_FALSE(machine.exit(22, 20));
    CHECK(machine.lives.take_unread() == 0);
    machine.unreadable = false;

    machine.run(30, 60);
    machine.list({20, 30});
    machine.left[30] = Remains::nothing;
    CHECK(as<Exited>(machine.exit(31, 30)).id.pid == 30);
}

TEST_CASE("a thread that executes a program takes the leader's place: nobody has ended") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);
    machine.left[20] = Remains::threads;
    CHECK_FALSE(machine.exit(20, 20, 0)); // the old leader
    machine.left.erase(20);
    (void)as<Execed>(machine.lives.take({.kind = Kind::exec, .tid = 20, .pid = 20}));

    machine.tasks.erase(20);
    CHECK(as<Exited>(machine.exit(20, 20, 2 << 8)).cause.exit_code == 2);
}

TEST_CASE("between two messages a number may get another owner, and each is told of by himself") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);

    machine.run(20, 90); // the first has ended, and the second was born
    CHECK(as<Exited>(machine.exit(20, 20, 0)).id == Identity{.pid = 20, .start_ns = 50});
    CHECK(as<Forked>(machine.fork(20)).child.id == Identity{.pid = 20, .start_ns = 90});
    machine.tasks.erase(20);
    CHECK(as<Exited>(machine.exit(20, 20, 0)).id == Identity{.pid = 20, .start_ns = 90});
}

TEST_CASE("a birth read too late is the next owner's, and the first one's end is not his") {
    Machine machine;
    machine.run(20, 90);
    CHECK(as<Forked>(machine.fork(20)).child.id.start_ns == 90); // the first one's message
    CHECK_FALSE(machine.exit(20, 20, 0));                        // its end: the second lives
    (void)machine.fork(20);                                      // his own message
    machine.tasks.erase(20);
    CHECK(as<Exited>(machine.exit(20, 20, 0)).id.start_ns == 90);
}

TEST_CASE("what could not be read is counted as lost") {
    Machine machine;
    machine.run(20, 50);
    machine.unreadable = true;
    CHECK_FALSE(machine.fork(20));
    CHECK(machine.lives.take_unread() == 1);
    CHECK(machine.lives.take_unread() == 0);
}

TEST_CASE("after a loss a leader may have ended untold") {
    Machine machine;
    machine.run(20, 50);
    (void)machine.fork(20);
    machine.lives.doubt();
    machine.left[20] = Remains::nothing;
    CHECK(as<Exited>(machine.exit(21, 20)).id.pid == 20);
}

TEST_CASE("who is not in a complete list is forgotten; an incomplete one proves nothing") {
    Machine machine;
    machine.run(20, 50);
    machine.run(21, 51);
    machine.list({20, 21});
    CHECK(machine.lives.size() == 2);

    machine.lives.list_began();
    machine.lives.list_ended(false);
    CHECK(machine.lives.size() == 2);

    machine.lives.list_began();
    machine.lives.listed(machine.tasks.at(20).told);
    machine.run(22, 52);
    (void)machine.fork(22); // born meanwhile
    machine.lives.list_ended(true);
    CHECK(machine.lives.size() == 2);
    CHECK_FALSE(machine.exit(21, 21));
}
