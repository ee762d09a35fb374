#include "story.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace nezuban::test {

namespace {

constexpr Identity init{.pid = 1, .start_ns = 1};
constexpr int steps_max = 100'000;

} // namespace

RuleSpec rule(const std::string& name, const std::string& comm) {
    return {.name = name, .match = {.comm = comm}};
}

RuleSpec restartable(const std::string& name, const std::string& comm) {
    auto spec = rule(name, comm);
    spec.restart.command = {"/usr/bin/restart-" + name};
    return spec;
}

Text text(std::string_view value) {
    return std::make_shared<const std::string>(value);
}

std::string variable(const RunCommand& command, std::string_view name) {
    for (const auto& [key, value] : command.environment) {
        if (key == name) return value;
    }
    return "(not set)";
}

Story::Story(std::vector<RuleSpec> rules, StoryOptions options)
    : engine({.own_pids = std::move(options.own_pids), .seed = 3, .events_told = options.events_told}, std::move(rules),
             std::move(options.groups), options.memories) {
    present("init", init.pid);
}

Identity Story::present(const std::string& comm, std::uint32_t pid) {
    const Identity id{.pid = pid == 0 ? next_pid_++ : pid, .start_ns = next_start_++};
    world[id] = {.id = id,
                 .ppid = id == init ? 0U : 1U,
                 .cgroup_key = 1,
                 .comm = comm,
                 .exe = text("/usr/bin/" + comm),
                 .args = text(comm + '\0'),
                 .cgroups = text("/")};
    return id;
}

Process& Story::in_world(const Identity& id) {
    const auto found = world.find(id);
    REQUIRE(found != world.end());
    return found->second;
}

Identity Story::fork(const Identity& parent, bool shares_memory) {
    auto child = in_world(parent);
    child.ppid = parent.pid;
    child.id = {.pid = next_pid_++, .start_ns = next_start_++};
    world[child.id] = child;
    const auto id = child.id;
    child.exe = child.args = child.cgroups = nullptr;
    tell(Forked{.child = std::move(child), .parent = parent, .shares_memory = shares_memory});
    return id;
}

void Story::exec(const Identity& id, const std::string& comm, const std::string& exe, const std::string& args) {
    auto& process = in_world(id);
    process.comm = comm;
    process.exe = text(exe.empty() ? "/usr/bin/" + comm : exe);
    process.args = text(args.empty() ? comm + '\0' : args);
    auto record = process;
    record.cgroups = nullptr;
    tell(Execed{.process = std::move(record)});
}

Identity Story::born(const std::string& comm, const std::string& exe) {
    const auto id = fork(init);
    exec(id, comm, exe);
    return id;
}

void Story::exit(const Identity& id, int code) {
    die(id, {.exit_code = code, .known = true});
}

void Story::kill(const Identity& id, int signal) {
    die(id, {.signal = signal, .known = true});
}

void Story::die(const Identity& id, const Cause& cause, std::optional<Time> fell) {
    in_world(id);
    world.erase(id);
    tell(Exited{.id = id, .cause = cause, .fell = fell});
}

void Story::rename(const Identity& id, const std::string& comm) {
    auto& process = in_world(id);
    process.comm = comm;
    auto record = process;
    record.exe = record.args = record.cgroups = nullptr;
    tell(Changed{.process = std::move(record)});
}

void Story::setuid(const Identity& id, std::uint32_t uid) {
    auto& process = in_world(id);
    process.uid = uid;
    auto record = process;
    record.exe = record.args = record.cgroups = nullptr;
    tell(Changed{.process = std::move(record)});
}

void Story::move(const Identity& id, std::uint64_t key, const std::string& cgroups) {
    auto& process = in_world(id);
    process.cgroup_key = key;
    process.cgroups = text(cgroups);
    auto record = process;
    record.exe = record.args = nullptr;
    tell(Changed{.process = std::move(record)});
}

void Story::snapshot() {
    begin_snapshot();
    const auto listed = world;
    for (const auto& [id, process] : listed) {
        if (world.contains(id)) read(id);
    }
    end_snapshot();
}

void Story::begin_snapshot() {
    tell(SnapshotBegan{});
}

void Story::read(const Identity& id, bool dying, bool zombie) {
    const auto found = world.find(id);
    auto process = found == world.end() ? Process{.id = id} : found->second;
    tell(SnapshotTask{.process = std::move(process), .dying = dying, .zombie = zombie});
}

void Story::end_snapshot(bool complete) {
    tell(SnapshotEnded{.complete = complete});
}

void Story::lose(std::uint64_t records) {
    tell(EventsLost{.by_kind = {0, 0, records, 0}});
}

void Story::command_starts(const RunCommand& command, std::uint32_t pid) {
    tell(CommandStarted{.id = command.id, .pid = pid});
}

void Story::command_ends(const RunCommand& command, int code) {
    command_ends(CommandEnded{.id = command.id, .exit_code = code});
}

void Story::command_ends(CommandEnded ended) {
    tell(ended);
}

void Story::signal_answered(const Identity& id, int error) {
    tell(SignalSent{.id = id, .signal = 9, .error = error});
}

void Story::tell(const Event& event) {
    const bool from_the_ring = event.index() < 4;
    if (deaf && from_the_ring) return;
    engine.handle(event, now, wanted);
    if (obedient) obey();
}

void Story::obey() {
    while (obeyed_ < wanted.size()) {
        const auto* signal = std::get_if<Signal>(&wanted[obeyed_++]);
        if (signal == nullptr) continue;
        const auto target = *signal; // telling grows what it points into
        if (!world.contains(target.id)) {
            engine.handle(SignalSent{.id = target.id, .signal = target.signal, .error = 3}, now, wanted);
            continue;
        }
        world.erase(target.id);
        engine.handle(SignalSent{.id = target.id, .signal = target.signal}, now, wanted);
        engine.handle(Exited{.id = target.id, .cause = {.signal = target.signal, .known = true}}, now, wanted);
    }
}

void Story::wait(Duration duration) {
    const auto until = now + duration;
    int steps = 0;
    for (auto due = engine.next_deadline(); due && *due <= until; due = engine.next_deadline()) {
        REQUIRE_MESSAGE(++steps < steps_max, "the engine asks for a deadline again and again");
        now = std::max(now, *due);
        engine.advance(now, wanted);
        if (obedient) obey();
    }
    now = until;
}

bool Story::advance_to_next() {
    const auto due = engine.next_deadline();
    if (!due) return false;
    now = std::max(now, *due);
    engine.advance(now, wanted);
    if (obedient) obey();
    return true;
}

RuleView Story::of(std::string_view rule_name) const {
    for (auto& view : engine.view(now).rules) {
        if (view.name == rule_name) return view;
    }
    FAIL("no rule is named " << std::string(rule_name));
    return {};
}

std::vector<Incident> Story::told(Happening happening) const {
    std::vector<Incident> found;
    for (const auto& report : all<Report>()) {
        if (report.incident.happening == happening) found.push_back(report.incident);
    }
    return found;
}

std::vector<RunCommand> Story::commands(std::string_view label) const {
    auto found = all<RunCommand>();
    std::erase_if(found, [&](const RunCommand& command) { return command.label != label; });
    return found;
}

std::vector<std::uint32_t> Story::signalled(int signal) const {
    std::vector<std::uint32_t> pids;
    for (const auto& one : all<Signal>()) {
        if (one.signal == signal) pids.push_back(one.id.pid);
    }
    return pids;
}

RunCommand Story::last_command() const {
    const auto found = all<RunCommand>();
    REQUIRE_FALSE(found.empty());
    return found.back();
}

} // namespace nezuban::test
