#include "replay/record.hpp"

#include "core/farthest.hpp"
#include "replay/bytes.hpp"
#include "replay/record_waits.hpp"

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace nezuban;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr Time start{100s};

Text text(std::string value) {
    return std::make_shared<const std::string>(std::move(value));
}

Process a_process() {
    return {.id = {.pid = 4711, .start_ns = 18'000'000'000'000'000'001ULL},
            .ppid = 1,
            .uid = 1000,
            .gid = 4294967295U,
            .kernel_thread = false,
            .cgroup_key = 7,
            .comm = "scand",
            .name = text("kworker/0:1-日本"),
            .exe = text("/opt/日本/scand"),
            .args = text("scand\0--queue\0\0inbound\0"s),
            .cgroups = text("0::/system.slice/mailsec.service\n")};
}

std::string reading_of(const std::string& line) {
    const auto parsed = parse_line(line);
    REQUIRE(parsed.has_value());
    return to_line(parsed->event, start + parsed->since_start, start);
}

template <typename Kind> Kind read_as(const Event& event, Duration since = 5ns) {
    const auto parsed = parse_line(to_line(event, start + since, start));
    REQUIRE(parsed.has_value());
    CHECK(parsed->since_start == since);
    REQUIRE(std::holds_alternative<Kind>(parsed->event));
    return std::get<Kind>(parsed->event);
}

void check_same(const Process& a, const Process& b) {
    CHECK(a.id == b.id);
    CHECK(a.ppid == b.ppid);
    CHECK(a.uid == b.uid);
    CHECK(a.gid == b.gid);
    CHECK(a.kernel_thread == b.kernel_thread);
    CHECK(a.cgroup_key == b.cgroup_key);
    CHECK(a.comm == b.comm);
    const auto same = [](const Text& x, const Text& y) { return x ? y && *x == *y : !y; };
    CHECK(same(a.name, b.name));
    CHECK(same(a.exe, b.exe));
    CHECK(same(a.args, b.args));
    CHECK(same(a.cgroups, b.cgroups));
}

std::string refused(std::string_view line) {
    const auto parsed = parse_line(line);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error().text;
}

} // namespace

TEST_CASE("every event of the kernel is read back as it was recorded") {
    const auto process = a_process();
    const auto fork = read_as<Forked>(Forked{.child = process, .parent = {.pid = 1, .start_ns = 3}});
    check_same(fork.child, process);
    CHECK(fork.parent == Identity{.pid = 1, .start_ns = 3});
    const auto exec = read_as<Execed>(Execed{.process = process, .args_cut = true});
    check_same(exec.process, process);
    CHECK(exec.args_cut);
    check_same(read_as<Changed>(Changed{.process = process}).process, process);

    const Cause cause{.exit_code = 3,
                      .signal = 9,
                      .core = true,
                      .oom = true,
                      .known = true,
                      .sender_pid = 1,
                      .sender_uid = 4294967295U,
                      .sender_signal = 9,
                      .sender_comm = "kill\xff"};
    const auto exited = read_as<Exited>(Exited{.id = process.id, .cause = cause, .fell = start - 5ms});
    CHECK(exited.fell == Time(-5ms));
    CHECK(exited.id == process.id);
    CHECK(exited.cause == cause);

    read_as<SnapshotBegan>(SnapshotBegan{});
    const auto task = read_as<SnapshotTask>(SnapshotTask{.process = process, .dying = true, .zombie = true});
    check_same(task.process, process);
    CHECK(task.dying);
    CHECK(task.zombie);
    CHECK_FALSE(read_as<SnapshotEnded>(SnapshotEnded{.complete = false}).complete);
    CHECK(read_as<EventsLost>(EventsLost{.by_kind = {1, 2, 3, 18'446'744'073'709'551'615ULL}}).by_kind[3]
          == 18'446'744'073'709'551'615ULL);
    CHECK(read_as<EventsLost>(EventsLost{.of_unknown_kind = 5, .skipped = 6}).total() == 11);
}

TEST_CASE("what was not known is not known afterwards, and empty stays empty") {
    auto process = a_process();
    process.exe = process.args = process.cgroups = nullptr;
    check_same(read_as<Execed>(Execed{.process = process}).process, process);
    process.exe = process.args = process.cgroups = text("");
    check_same(read_as<Execed>(Execed{.process = process}).process, process);
}

TEST_CASE("arguments keep every byte: random ones, unfinished ones, and text that looks like our own escape") {
    std::mt19937 random{11};
    auto process = a_process();
    for (int i = 0; i < 5'000; ++i) {
        std::string bytes(random() % 24, '\0');
        for (char& byte : bytes)
            byte = static_cast<char>(random() % 3 == 0 ? 0xEF : random());
        process.args = process.exe = process.cgroups = text(bytes);
        process.comm = bytes;
        check_same(read_as<Execed>(Execed{.process = process}).process, process);
    }
    for (const auto* bytes : {"\xef\x9e\x80", "\xef\x9f\xbf", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                              "\xf0\x9f\x98\x80", "\xe6\x97", "\n\"\\"}) {
        CAPTURE(bytes);
        CHECK(utf8_to_bytes(bytes_to_utf8(bytes)) == bytes);
    }
    CHECK(bytes_to_utf8("日本語 😀") == "日本語 😀");
    CHECK(bytes_to_utf8("\xff") == "\uf7ff");
}

TEST_CASE("a line is one line and can be read by eye") {
    const auto line =
        to_line(Exited{.id = {.pid = 7, .start_ns = 99}, .cause = {.signal = 9, .known = true}}, start + 50ns, start);
    CHECK(line
          == R"({"t":50,"event":"exit","pid":7,"start":99,"known":true,"exit_code":0,"signal":9,"core":false,)"
             R"("oom":false,"sender_pid":0,"sender_uid":0,"sender_signal":0,"sender_comm":""})"
             "\n");
}

TEST_CASE("answers to the engine are not recorded: a replay gives its own") {
    CHECK(to_line(CommandStarted{.id = 1, .pid = 2}, start, start).empty());
    CHECK(to_line(CommandEnded{}, start, start).empty());
    CHECK(to_line(SignalSent{}, start, start).empty());
}

TEST_CASE("an event from before the start of the record counts as its beginning") {
    CHECK(to_line(SnapshotBegan{}, start - 5s, start) == "{\"t\":0,\"event\":\"snapshot_begin\"}\n");
}

TEST_CASE("a shorter line of another hand is understood, and so is a newer one") {
    CHECK(reading_of(R"({"t":1,"event":"exec","pid":7,"start":9,"comm":"x"})").find("\"uid\":0") != std::string::npos);
    CHECK(parse_line(R"({"t":1,"event":"snapshot_end","mood":"sunny"})").has_value());
}

TEST_CASE("a broken line says what is wrong with it") {
    CHECK(refused("") == "not one line of valid JSON");
    CHECK(refused("{\"t\":1,\"event\":\"fo") == "not one line of valid JSON");
    CHECK(refused("[]") == "not a JSON object");
    CHECK(refused(R"({"event":"exec"})") == "'t' is missing");
    CHECK(refused(R"({"t":-1,"event":"snapshot_begin"})") == "'t' is out of range");
    CHECK(refused(R"({"t":9223372036854775807,"event":"snapshot_begin"})") == "'t' is out of range");
    CHECK(refused(R"({"t":1})") == "'event' is missing");
    CHECK(refused(R"({"t":1,"event":"birth"})") == "unknown event 'birth'");
    CHECK(refused(R"({"t":1,"event":"exit","start":9})") == "'pid' is missing");
    CHECK(refused(R"({"t":1,"event":"exit","pid":4294967296,"start":9})")
          == "'pid' must be a whole number from 0 to 4294967295");
    CHECK(refused(R"({"t":1,"event":"exec","pid":1,"start":9,"args":"x"})") == "'args' must be an array of strings");
    CHECK(refused(R"({"t":1,"event":"exec","pid":1,"start":9,"args":[1]})") == "'args' must be an array of strings");
    CHECK(refused(R"({"t":1,"event":"exec","pid":1,"start":9,"comm":5})") == "'comm' must be a string");
    CHECK(refused(R"({"t":1,"event":"exec","pid":1,"start":9,"kernel":0})") == "'kernel' must be true or false");
    CHECK(refused(std::string(record_line_max + 1, ' ')) == fmt::format("longer than {} bytes", record_line_max));
}

TEST_CASE("what a record calls an event can't move the cursor of whoever replays it") {
    const auto line = parse_line(R"({"t":1,"event":"\u001b[2J\n\u202e)" + std::string(38, 'a') + R"(番"})");
    REQUIRE_FALSE(line);
    CHECK(line.error().text == "unknown event '?[2J??" + std::string(32, 'a') + "'");
}

TEST_CASE("the header brings both clocks, and a foreign or newer one is refused") {
    const ClockPair clocks{.monotonic = Time{52us}, .wall = WallTime{1'772'366'400s + 1ns}};
    const auto line = record_header(clocks);
    CHECK(line
          == R"({"nezuban_record":1,"started":"2026-03-01T12:00:00.000000001Z","wall_ns":1772366400000000001,)"
             R"("monotonic_ns":52000})"
             "\n");
    const auto parsed = parse_record_header(line);
    REQUIRE(parsed.has_value());
    CHECK(parsed->monotonic == clocks.monotonic);
    CHECK(parsed->wall == clocks.wall);

    for (const auto* foreign : {"", "hello", "{}", "[1]", R"({"t":0,"event":"snapshot_begin"})"}) {
        CAPTURE(foreign);
        const auto refusal = parse_record_header(foreign);
        REQUIRE_FALSE(refusal.has_value());
        CHECK(refusal.error().text.starts_with("this is not a record of nezuban"));
    }
    CHECK(parse_record_header(R"({"nezuban_record":2,"wall_ns":1,"monotonic_ns":1})").error().text
          == "the record has version 2, and only 1 is understood");
    CHECK_FALSE(parse_record_header(R"({"nezuban_record":1})").has_value());
    CHECK_FALSE(
        parse_record_header(R"({"nezuban_record":1,"wall_ns":9223372036854775807,"monotonic_ns":1})").has_value());
}

TEST_CASE("a scan comes back as it was written") {
    ThreadWait waiting;
    waiting.process = {.pid = 7, .start_ns = 99};
    waiting.thread = {.tid = 8, .start_ns = 120};
    waiting.in_namespace = 8;
    waiting.comm = "scand\xff";
    waiting.state = ThreadState::uninterruptible;
    waiting.killable = false;
    waiting.off_cpu = 41s;
    waiting.voluntary_switches = 7;
    waiting.forced_switches = 3;
    waiting.syscall =
        Syscall{.number = 202, .args = {140, 128, 2, 0, 0, 18'000'000'000'000'000'001ULL}, .name = "futex"};
    waiting.kernel_stack = {"futex_do_wait+0x46", "do_futex+0xfd"};
    waiting.lock = LockWait{.address = 140, .kind = LockKind::robust, .shared = true, .owner_tid = 9, .owner_pid = 7};
    waiting.object = "/mnt/x on /dev/loop0 (7:0)";
    waiting.device = "loop0 (7:0), ext4 on /mnt";
    waiting.stopped_by = Sender{.pid = 1, .uid = 2, .signal = 19, .comm = "bash"};
    waiting.syscalls = 0;
    const SocketQueue queue{.owner = {.pid = 7, .start_ns = 99},
                            .fd = 4,
                            .inode = 4711,
                            .network_namespace = 1,
                            .kind = SocketKind::unix_stream,
                            .length = 3,
                            .limit = 128,
                            .mark = 77,
                            .accepts = true,
                            .peer_closed = true,
                            .frozen = true,
                            .local = "@x",
                            .peer = "y"};
    const auto written = std::make_shared<const WaitScan>(
        WaitScan{.threads = {waiting},
                 .sockets = {queue},
                 .silences = {{.process = {.pid = 7, .start_ns = 99}, .silent = 1s, .longest = 2s, .usual = 3s}},
                 .sockets_seen = true,
                 .complete = false});

    const auto line = to_line(WaitsSeen{written}, start + 5ns, start);
    const auto scan = read_as<WaitsSeen>(WaitsSeen{written}).scan;

    CHECK(reading_of(line) == line); // nothing that is written is lost by reading
    REQUIRE(scan->threads.size() == 1);
    CHECK(scan->threads[0].thread == waiting.thread);
    CHECK(scan->threads[0].comm == waiting.comm);
    CHECK(scan->threads[0].state == waiting.state);
    CHECK(scan->threads[0].off_cpu == waiting.off_cpu);
    CHECK(scan->threads[0].syscall == waiting.syscall);
    CHECK(scan->threads[0].lock == waiting.lock);
    CHECK(scan->threads[0].stopped_by == waiting.stopped_by);
    CHECK(scan->threads[0].kernel_stack == waiting.kernel_stack);
    REQUIRE(scan->sockets.size() == 1);
    CHECK(scan->sockets[0].mark == 77);
    CHECK(scan->silences.size() == 1);
    CHECK_FALSE(scan->complete);
}

TEST_CASE("the time of a heartbeat file is kept from the start of the record on") {
    WaitScan written;
    written.beats.push_back({.path = "/run/x", .touched = start - 2s, .error = ""});

    auto read = *read_as<WaitsSeen>(WaitsSeen{std::make_shared<const WaitScan>(written)}).scan;
    begin_at(read, Time(500s)); // played at another time

    REQUIRE(read.beats.size() == 1);
    CHECK(read.beats[0].path == "/run/x");
    CHECK(read.beats[0].touched == Time(498s));
}

TEST_CASE("the end of a stall and a beat come back as they were written") {
    const auto stalled = read_as<Stalled>(Stalled{.process = {.pid = 7, .start_ns = 99}, .tid = 8, .off_cpu = 3s});
    CHECK(stalled.process == Identity{.pid = 7, .start_ns = 99});
    CHECK(stalled.tid == 8);
    CHECK(stalled.off_cpu == 3s);
    CHECK(read_as<Beat>(Beat{.pid = 7}).pid == 7);
}

TEST_CASE("no time in a record is so far away that the clocks of a replay overflow") {
    for (const auto* name : {"off_ns", "cpu_ns", "system_ns"}) {
        CAPTURE(name);
        for (const auto* number : {"9223372036854775807", "-9223372036854775808", "316224000000000001"}) {
            const auto parsed = parse_line(
                fmt::format(R"({{"t":1,"event":"scan","threads":[{{"pid":7,"start":9,"tid":8,"state":"D","{}":{}}}]}})",
                            name, number));
            REQUIRE_FALSE(parsed);
            CHECK(parsed.error().text == fmt::format("threads: '{}' is out of range", name));
        }
    }
    CHECK_FALSE(parse_line(R"({"t":1,"event":"stalled","pid":7,"start":9,"off_ns":9223372036854775807})"));
    CHECK_FALSE(parse_line(R"({"t":1,"event":"exit","pid":7,"start":9,"fell":-9223372036854775808})"));
    CHECK_FALSE(parse_record_header(R"({"nezuban_record":1,"wall_ns":1,"monotonic_ns":4000000000000000001})"));
    // Of a file that is no reason not to know the rest.
    for (const auto* number : {"9223372036854775807", "-9223372036854775808"}) {
        const auto parsed =
            parse_line(fmt::format(R"({{"t":1,"event":"scan","beats":[{{"path":"/b","touched_ns":{}}}]}})", number));
        REQUIRE(parsed);
        auto scan = *std::get<WaitsSeen>(parsed->event).scan;
        begin_at(scan, Time{farthest});
        CHECK(std::chrono::abs(scan.beats.at(0).touched->time_since_epoch()) <= 2 * farthest);
    }
}

TEST_CASE("a scan with a state that isn't one is a broken line") {
    const auto parsed = parse_line(R"({"t":1,"event":"scan","threads":[{"pid":7,"start":9,"tid":8,"state":"Q"}]})");
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().text == "threads: 'state' must be one of RSDTtIPZX");
}
