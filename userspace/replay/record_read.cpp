#include "core/farthest.hpp"
#include "core/words.hpp"
#include "replay/fields.hpp"
#include "replay/record.hpp"
#include "replay/record_waits.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = replay_fields::Json;
using replay_fields::Fields;

Identity identity(Fields& fields) {
    return {.pid = fields.required<std::uint32_t>("pid"), .start_ns = fields.required<std::uint64_t>("start")};
}

Process process(Fields& fields) {
    return {.id = identity(fields),
            .ppid = fields.number<std::uint32_t>("ppid", 0),
            .uid = fields.number<std::uint32_t>("uid", 0),
            .gid = fields.number<std::uint32_t>("gid", 0),
            .kernel_thread = fields.flag("kernel", false),
            .cgroup_key = fields.number<std::uint64_t>("cgroup_key", 0),
            .comm = fields.comm("comm"),
            .name = fields.text("name"),
            .exe = fields.text("exe"),
            .args = fields.list("args", "args_open", '\0'),
            .cgroups = fields.list("cgroups", "cgroups_open", '\n')};
}

Cause cause(Fields& fields) {
    return {.exit_code = fields.number<int>("exit_code", 0),
            .signal = fields.number<int>("signal", 0),
            .core = fields.flag("core", false),
            .oom = fields.flag("oom", false),
            .known = fields.flag("known", false),
            .sender_pid = fields.number<std::uint32_t>("sender_pid", 0),
            .sender_uid = fields.number<std::uint32_t>("sender_uid", 0),
            .sender_signal = fields.number<int>("sender_signal", 0),
            .sender_comm = fields.comm("sender_comm")};
}

// Since the record's start; it may have fallen before.
std::optional<Time> fell(Fields& fields) {
    if (!fields.has("fell")) return std::nullopt;
    return Time{fields.duration("fell")};
}

EventsLost lost(Fields& fields) {
    return {.by_kind = {fields.number<std::uint64_t>("fork", 0), fields.number<std::uint64_t>("exec", 0),
                        fields.number<std::uint64_t>("exit", 0), fields.number<std::uint64_t>("change", 0)},
            .of_unknown_kind = fields.number<std::uint64_t>("unknown", 0),
            .skipped = fields.number<std::uint64_t>("skipped", 0)};
}

std::optional<Event> event_named(std::string_view name, Fields& fields) {
    if (name == "fork")
        return Forked{.child = process(fields),
                      .parent = {.pid = fields.number<std::uint32_t>("parent_pid", 0),
                                 .start_ns = fields.number<std::uint64_t>("parent_start", 0)},
                      .shares_memory = fields.flag("shares_memory", false)};
    if (name == "exec") return Execed{.process = process(fields), .args_cut = fields.flag("args_cut", false)};
    if (name == "exit") return Exited{.id = identity(fields), .cause = cause(fields), .fell = fell(fields)};
    if (name == "change") return Changed{.process = process(fields)};
    if (name == "snapshot_begin") return SnapshotBegan{};
    if (name == "snapshot_task")
        return SnapshotTask{
            .process = process(fields), .dying = fields.flag("dying", false), .zombie = fields.flag("zombie", false)};
    if (name == "snapshot_end") return SnapshotEnded{.complete = fields.flag("complete", true)};
    if (name == "lost") return lost(fields);
    if (name == "scan") return WaitsSeen{std::make_shared<const WaitScan>(read_scan(fields))};
    if (name == "stalled")
        return Stalled{.process = identity(fields),
                       .tid = fields.number<std::uint32_t>("tid", 0),
                       .off_cpu = fields.duration("off_ns")};
    if (name == "beat") return Beat{.pid = fields.required<std::uint32_t>("pid")};
    return std::nullopt;
}

Result<Json> parse_object(std::string_view line) {
    if (line.size() > record_line_max) return fail(fmt::format("longer than {} bytes", record_line_max));
    auto object = Json::parse(line, nullptr, false);
    if (object.is_discarded()) return fail("not one line of valid JSON");
    if (!object.is_object()) return fail("not a JSON object");
    return object;
}

} // namespace

Result<ClockPair> parse_record_header(std::string_view line) {
    const auto object = parse_object(line);
    if (!object || !object->contains("nezuban_record"))
        return fail("this is not a record of nezuban: its first line is not {\"nezuban_record\":1,...}");
    Fields fields{*object};
    const auto version = fields.required<std::uint32_t>("nezuban_record");
    const auto wall = fields.required<std::int64_t>("wall_ns");
    const auto monotonic = fields.required<std::int64_t>("monotonic_ns");
    if (fields.problem()) return fail("the record's header: " + *fields.problem());
    if (version != 1) return fail(fmt::format("the record has version {}, and only 1 is understood", version));
    if (wall < 0 || wall > farthest.count() || monotonic < 0 || monotonic > farthest.count())
        return fail("the record's header: 'wall_ns' and 'monotonic_ns' are out of range");
    return ClockPair{.monotonic = Time{Duration{monotonic}}, .wall = WallTime{Duration{wall}}};
}

Result<TimedEvent> parse_line(std::string_view line) {
    const auto object = parse_object(line);
    if (!object) return std::unexpected(object.error());
    Fields fields{*object};
    const auto time = fields.required<std::int64_t>("t");
    if (time < 0 || time > Fields::longest) fields.complain("'t' is out of range");
    const auto name = fields.text("event");
    if (!name) fields.complain("'event' is missing");
    if (fields.problem()) return fail(*fields.problem());

    auto event = event_named(*name, fields);
    // It is somebody else's file, and whoever replays it sits at a terminal.
    if (!event) return fail(fmt::format("unknown event '{}'", harmless(beginning(*name, 40), '?')));
    if (fields.problem()) return fail(*fields.problem());
    return TimedEvent{.since_start = Duration{time}, .event = std::move(*event)};
}

} // namespace nezuban
