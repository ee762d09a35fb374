// A whole record against an engine, whatever stands in it: the same comes of it each time, in order, and can be shown.
#include "replay/replay.hpp"

#include "config/load.hpp"
#include "properties.hpp"
#include "report/incident_json.hpp"

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace nezuban;
using fuzz::require;

// One rule for each thing that an engine can be made to do.
constexpr const char* configuration = R"(
[[process]]
name = "scanner"
match.comm = "scand"
count.max = 2
count.over = "stop-newest"
hang.lock_wait = "1s"
hang.spinning = "1s"
hang.silent = "1s"
hang.heartbeat = "10s"
hang.action = "restart"
requires = ["db"]
restart.stop = ["stop"]
restart.start = ["start"]
notify.command = ["notify"]
[[process]]
name = "db"
match.exe = "/opt/**"
match.args = ["-v"]
count.per = "user"
count.over = "restart"
count.max = 1
hang.heartbeat = "10s"
hang.heartbeat_file = "/b"
hang.uninterruptible = "1s"
hang.action = "restart"
ready.tcp = "127.0.0.1:1"
restart.command = ["restart"]
restart.attempts = 2
[[process]]
name = "workers"
match.kernel_thread = true
match.comm = "kworker/*"
count.min = 0
[[process]]
name = "service"
match.cgroup = "/a/**"
match.args_regex = "x+"
count.max = 3
count.over = "run"
count.over_command = ["pause"]
escalate.action = "exit"
restart.command = ["again"]
restart.attempts = 1
[[group]]
name = "mail"
members = ["db", "scanner"]
)";

const Spec& spec() {
    const auto none = [](const std::string&) -> std::optional<std::uint32_t> { return std::nullopt; };
    static const Loaded loaded =
        load("rules", {.read = [](const std::string&) -> Result<std::string> { return configuration; },
                       .expand = [](const std::string&) -> Result<std::vector<std::string>> { return {}; },
                       .user = none,
                       .group = none});
    require(loaded.ok());
    return loaded.spec;
}

void judge(const Intent& intent, const ClockPair& clocks) {
    if (const auto* run = std::get_if<RunCommand>(&intent)) require(!run->argv.empty() && !run->argv.front().empty());
    if (const auto* signal = std::get_if<Signal>(&intent)) require(signal->signal > 0 && signal->signal <= 64);
    if (const auto* report = std::get_if<Report>(&intent)) {
        const auto json = nlohmann::json::parse(to_json(report->incident, clocks), nullptr, false);
        require(json.is_object() && json.size() == 10);
        require(fuzz::can_be_shown(to_text(report->incident)));
    }
}

std::vector<std::string> played(const std::string& record) {
    Engine engine({}, spec().rules, spec().groups, {});
    std::istringstream in(record);
    std::vector<std::string> told;
    std::optional<ClockPair> start;
    Time last;
    const auto begin = [&](const ClockPair& clocks) {
        require(!start);
        start = clocks;
        last = clocks.monotonic;
    };
    const auto take = [&](Time time, const Intent& intent) {
        require(start && time >= last);
        last = time;
        judge(intent, *start);
        told.push_back(replay_text(time - start->monotonic, intent));
        require(fuzz::can_be_shown(told.back()));
    };
    const auto broken = [&](std::uint64_t line, const std::string& why) {
        require(start && line >= 2 && fuzz::is_sentence(why));
    };
    const auto summary = replay(in, engine, {.begin = begin, .intent = take, .broken = broken});
    if (!summary) {
        require(fuzz::is_sentence(summary.error().text));
        return told;
    }
    require(start && last <= start->monotonic + summary->length);
    const auto view = engine.view(start->monotonic + summary->length);
    const auto matches = engine.matches();
    require(view.rules.size() == matches.size());
    return told;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string record(reinterpret_cast<const char*>(data), size);
    require(played(record) == played(record));
    return 0;
}
