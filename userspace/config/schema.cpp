#include "config/schema.hpp"

#include "config/paths.hpp"
#include "config/patterns.hpp"
#include "config/targets.hpp"

#include <array>
#include <bit>
#include <utility>

namespace nezuban {

namespace {

template <typename Choice, std::size_t Size> using Words = std::array<std::pair<std::string_view, Choice>, Size>;

constexpr Words<Per, 4> pers{{{"comm", Per::comm}, {"exe", Per::exe}, {"user", Per::user}, {"cgroup", Per::cgroup}}};
constexpr Words<Over, 4> overs{
    {{"report", Over::report}, {"stop-newest", Over::stop_newest}, {"restart", Over::restart}, {"run", Over::run}}};
constexpr Words<HangAction, 2> hang_actions{{{"report", HangAction::report}, {"restart", HangAction::restart}}};
constexpr Words<EscalateAction, 3> escalate_actions{
    {{"report", EscalateAction::report}, {"run", EscalateAction::run}, {"exit", EscalateAction::exit}}};
constexpr Words<GroupRestart, 3> group_restarts{
    {{"dependents", GroupRestart::dependents}, {"all", GroupRestart::all}, {"member", GroupRestart::member}}};
constexpr Words<ScriptSecurity, 3> script_securities{
    {{"refuse", ScriptSecurity::refuse}, {"warn", ScriptSecurity::warn}, {"off", ScriptSecurity::off}}};
constexpr Words<LogFormat, 2> log_formats{{{"text", LogFormat::text}, {"json", LogFormat::json}}};
constexpr Words<std::string_view, 4> log_levels{
    {{"error", "error"}, {"warning", "warning"}, {"info", "info"}, {"debug", "debug"}}};

constexpr std::uint32_t most_processes = 10'000'000;
constexpr std::size_t longest_socket = 107; // sockaddr_un
constexpr std::uint64_t kib = 1024;

template <typename Choice, std::size_t Size>
bool choose(const Field& field, Choice& out, const Words<Choice, Size>& words) {
    return field.choice(out, Field::Choices<Choice>(words));
}

using D = DaemonSpec;
constexpr std::array daemon{
    Key<D>{"state_dir", "path", R"("/var/lib/nezuban")", "history, restart budgets, pauses, learned baselines",
           [](const Field& f, D& d) { f.absolute_path(d.state_dir); }},
    Key<D>{"socket", "path", R"("/run/nezuban/control.sock")", "where the verbs find the daemon",
           [](const Field& f, D& d) {
               auto path = d.socket;
               if (!f.absolute_path(path, longest_socket)) return;
               if (auto problem = socket_problem(path); problem.empty()) {
                   d.socket = path;
               } else {
                   f.error(std::move(problem), "another ending, such as .sock");
               }
           }},
    Key<D>{"reconcile", "duration", R"("1s")",
           "how often the kernel's own task list is compared with the table, 100ms to 1h; less often where that takes "
           "long",
           [](const Field& f, D& d) { f.duration(d.reconcile, 100ms, 1h); }},
    Key<D>{"scan", "duration", R"("500ms")",
           "how often hangs are looked for, 100ms to 1h; a threshold is looked at when it is due",
           [](const Field& f, D& d) { f.duration(d.scan, 100ms, 1h); }},
    Key<D>{"log.level", "error, warning, info, debug", R"("info")", "the least severity that is logged",
           [](const Field& f, D& d) {
               std::string_view level = d.log_level;
               choose(f, level, log_levels);
               d.log_level = std::string(level);
           }},
    Key<D>{"log.format", "text, json", R"("text")", "how a line of the log looks",
           [](const Field& f, D& d) { choose(f, d.log_format, log_formats); }},
    Key<D>{"ring_size", "size", R"("4MiB")",
           "room for events on their way out of the kernel; a power of two from 4KiB to 1GiB",
           [](const Field& f, D& d) {
               auto size = d.ring_size;
               if (!f.size(size, 4 * kib, kib * kib * kib)) return;
               if (std::has_single_bit(size)) {
                   d.ring_size = size;
               } else {
                   f.error("is not a power of two", "such as \"4MiB\" or \"8MiB\"");
               }
           }},
    Key<D>{"history_size", "size", R"("64MiB")", "what the incident history may take on disk, 64KiB to 1024GiB",
           [](const Field& f, D& d) { f.size(d.history_size, 64 * kib, kib * kib * kib * kib); }},
    Key<D>{"script_security", "refuse, warn, off", R"("refuse")",
           "includes and commands that others could alter: an error, a warning, or nobody looks",
           [](const Field& f, D& d) { choose(f, d.script_security, script_securities); }},
};

using R = RuleSpec;
constexpr std::array rule{
    Key<R>{"name", "name", "", "unique; used everywhere. Not in [defaults]",
           [](const Field& f, R& r) { f.name(r.name); }},

    Key<R>{"match.comm", "string", "",
           "the exact thread name of the leader, at most 15 bytes; of kernel threads a glob over the whole name, at "
           "most 63",
           [](const Field& f, R& r) { read_comm(f, r.match.comm); }},
    Key<R>{"match.exe", "glob", "", "the path of the program; * and ? stop at a slash, ** does not",
           [](const Field& f, R& r) { read_exe(f, r.match.exe); }},
    Key<R>{"match.args", "array of strings", "", "each must be one of the arguments, whole",
           [](const Field& f, R& r) { f.strings(r.match.args); }},
    Key<R>{"match.args_regex", "regular expression", "", "RE2, searched in the arguments joined by blanks",
           [](const Field& f, R& r) { read_regex(f, r.match.args_regex); }},
    Key<R>{"match.user", "user", "", "the effective user: a name or an id",
           [](const Field& f, R& r) { f.user(r.match.user); }},
    Key<R>{"match.group", "group", "", "the effective group: a name or an id",
           [](const Field& f, R& r) { f.group(r.match.group); }},
    Key<R>{"match.cgroup", "glob", "", "any of the process's cgroup paths",
           [](const Field& f, R& r) { read_cgroup(f, r.match.cgroup); }},
    Key<R>{"match.unit", "string", "", "a systemd unit: one component of any of its cgroup paths",
           [](const Field& f, R& r) { read_unit(f, r.match.unit); }},
    Key<R>{"match.kernel_thread", "boolean", "false", "true: kernel threads only; otherwise user processes only",
           [](const Field& f, R& r) { f.flag(r.match.kernel_thread); }},
    Key<R>{"match.any", "boolean", "false", "true, instead of the others: every process of the machine",
           [](const Field& f, R& r) { f.flag(r.match.any); }},

    Key<R>{"count.min", "number", "1", "fewer are an incident",
           [](const Field& f, R& r) { f.number(r.count.min, 0, most_processes); }},
    Key<R>{"count.max", "number", "", "more are an incident",
           [](const Field& f, R& r) {
               std::uint32_t max = 0;
               if (f.number(max, 0, most_processes)) r.count.max = max;
           }},
    Key<R>{"count.for", "duration", R"("0s")", "out of range this long before it is an incident",
           [](const Field& f, R& r) { f.duration(r.count.hold); }},
    Key<R>{"count.per", "comm, exe, user, cgroup", "",
           "each value is counted on its own; one whose last process ends is no longer counted",
           [](const Field& f, R& r) {
               Per per{};
               if (choose(f, per, pers)) r.count.per = per;
           }},
    Key<R>{"count.over", "report, stop-newest, restart, run", R"("report")", "what is done about too many",
           [](const Field& f, R& r) { choose(f, r.count.over, overs); }},
    Key<R>{"count.over_command", "command", "", R"(for count.over = "run")",
           [](const Field& f, R& r) { f.command(r.count.over_command); }},

    Key<R>{"hang.uninterruptible", "duration or off", R"("30s")", "a thread in D without a switch for so long",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.uninterruptible); }},
    Key<R>{"hang.stopped", "duration or off", R"("30s")", "stopped or traced for so long",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.stopped); }},
    Key<R>{"hang.deadlock", "boolean", "true", "a proven cycle of threads, each waiting for a lock of the next",
           [](const Field& f, R& r) { f.flag(r.hang.deadlock); }},
    Key<R>{"hang.lock_wait", "duration or off", R"("off")", "a thread waits for one lock longer than this",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.lock_wait); }},
    Key<R>{"hang.unserved", "duration or off", R"("30s")", "work waits in a socket's queue and nobody takes it",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.unserved); }},
    Key<R>{"hang.spinning", "duration or off", R"("off")", "a thread burns CPU for so long without a system call",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.spinning); }},
    Key<R>{"hang.silent", "duration or off", R"("off")", "no thread of the process got on a CPU for so long",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.silent); }},
    Key<R>{"hang.heartbeat", "duration or off", R"("off")", "no sign of life within this time",
           [](const Field& f, R& r) { f.duration_or_off(r.hang.heartbeat); }},
    Key<R>{"hang.heartbeat_file", "path", "", "the file whose touch is the sign of life; without it WATCHDOG=1 is",
           [](const Field& f, R& r) {
               std::string path;
               if (f.absolute_path(path)) r.hang.heartbeat_file = std::move(path);
           }},
    Key<R>{"hang.action", "report, restart", R"("report")", "what is done about a hang",
           [](const Field& f, R& r) { choose(f, r.hang.action, hang_actions); }},

    Key<R>{"requires", "array of names", "", "rules that must be up first",
           [](const Field& f, R& r) { f.names(r.required); }},

    Key<R>{"ready.command", "command", "", "exits with 0 when what was started can be used",
           [](const Field& f, R& r) { f.command(r.ready.command); }},
    Key<R>{"ready.tcp", "target", "", "somebody accepts there: HOST:PORT, [IPV6]:PORT or unix:/PATH",
           [](const Field& f, R& r) { read_tcp_target(f, r.ready.tcp); }},
    Key<R>{"ready.http", "URL", "", "a GET of it, http or https, is answered with 2xx or 3xx",
           [](const Field& f, R& r) { read_http_target(f, r.ready.http); }},
    Key<R>{"ready.every", "duration", R"("1s")",
           "the longest pause between two looks, 10ms to 1h; the first ones follow faster",
           [](const Field& f, R& r) { f.duration(r.ready.every, 10ms, 1h); }},
    Key<R>{"ready.timeout", "duration", R"("1m")",
           "not ready so long after the start command ended, or became the service: the attempt has failed",
           [](const Field& f, R& r) { f.duration(r.ready.timeout, 10ms); }},

    Key<R>{"restart.command", "command", "", "restarts it; excludes restart.stop and restart.start",
           [](const Field& f, R& r) { f.command(r.restart.command); }},
    Key<R>{"restart.stop", "command", "", "ends what is left, before restart.start",
           [](const Field& f, R& r) { f.command(r.restart.stop); }},
    Key<R>{"restart.start", "command", "", "starts it anew", [](const Field& f, R& r) { f.command(r.restart.start); }},
    Key<R>{"restart.signal", "signal", R"("TERM")", "ends what is left when there is no restart.stop",
           [](const Field& f, R& r) { f.signal(r.restart.signal); }},
    Key<R>{"restart.kill_after", "duration", R"("10s")", "then KILL",
           [](const Field& f, R& r) { f.duration(r.restart.kill_after); }},
    Key<R>{"restart.timeout", "duration", R"("60s")",
           "of one command, with what it waits for those it replaces to be gone; then its whole session is ended",
           [](const Field& f, R& r) { f.duration(r.restart.timeout, 1ms); }},
    Key<R>{"restart.settle", "duration", R"("5s")", "must hold so long to count as recovered",
           [](const Field& f, R& r) { f.duration(r.restart.settle); }},
    Key<R>{"restart.delay", "duration", R"("1s")",
           "before the second attempt in a row, doubled each time, with jitter; the first is immediate",
           [](const Field& f, R& r) { f.duration(r.restart.delay); }},
    Key<R>{"restart.delay_max", "duration", R"("1m")", "the longest delay",
           [](const Field& f, R& r) { f.duration(r.restart.delay_max); }},
    Key<R>{"restart.attempts", "number", "3", "within restart.window, 0 to 1000; then escalate",
           [](const Field& f, R& r) { f.number(r.restart.attempts, 0, 1000); }},
    Key<R>{"restart.window", "duration", R"("24h")", "the time in which attempts are counted",
           [](const Field& f, R& r) { f.duration(r.restart.window, 1ms); }},
    Key<R>{"restart.forget", "duration", R"("10m")", "healthy for so long: the delay starts anew",
           [](const Field& f, R& r) { f.duration(r.restart.forget); }},

    Key<R>{"escalate.action", "report, run, exit", R"("report")", "what is done when the attempts are used up",
           [](const Field& f, R& r) { choose(f, r.escalate.action, escalate_actions); }},
    Key<R>{"escalate.command", "command", "", R"(for escalate.action = "run")",
           [](const Field& f, R& r) { f.command(r.escalate.command); }},
    Key<R>{"escalate.exit_code", "number", "10", R"(for escalate.action = "exit": the daemon ends with it, 1 to 125)",
           [](const Field& f, R& r) {
               auto code = static_cast<std::uint32_t>(r.escalate.exit_code);
               f.number(code, 1, 125);
               r.escalate.exit_code = static_cast<int>(code);
           }},

    Key<R>{"notify.command", "command", "", "run at every change of state, with JSON on its standard input",
           [](const Field& f, R& r) { f.command(r.notify_command); }},
};

using G = GroupSpec;
constexpr std::array group{
    Key<G>{"name", "name", "", "unique among groups and rules", [](const Field& f, G& g) { f.name(g.name); }},
    Key<G>{"members", "array of names", "", "rules", [](const Field& f, G& g) { f.names(g.members); }},
    Key<G>{"restart", "dependents, all, member", R"("dependents")", "who is restarted with a member that fell",
           [](const Field& f, G& g) { choose(f, g.restart, group_restarts); }},
    Key<G>{"attempts", "number", "",
           "restarts of all members for reasons of their own, together, within window, 0 to 1000; then escalate",
           [](const Field& f, G& g) {
               std::uint32_t attempts = 0;
               if (f.number(attempts, 0, 1000)) g.attempts = attempts;
           }},
    Key<G>{"window", "duration", R"("24h")", "the time in which attempts are counted",
           [](const Field& f, G& g) { f.duration(g.window, 1ms); }},
};

constexpr std::array<std::string_view, 5> sections{"include", "daemon", "defaults", "process", "group"};

template <typename Target>
void describe(std::vector<KeyText>& out, std::string_view section, std::span<const Key<Target>> keys) {
    for (const auto& key : keys) {
        out.push_back({section, key.path, key.kind, key.fallback, key.help});
    }
}

} // namespace

std::span<const Key<DaemonSpec>> daemon_keys() {
    return daemon;
}

std::span<const Key<RuleSpec>> rule_keys() {
    return rule;
}

std::span<const Key<GroupSpec>> group_keys() {
    return group;
}

std::span<const std::string_view> section_names() {
    return sections;
}

std::vector<KeyText> schema() {
    std::vector<KeyText> result;
    result.push_back(
        {"", "include", "array of globs", "", "further files, relative to this one; only in the main file"});
    describe(result, "daemon", daemon_keys());
    describe(result, "process", rule_keys());
    describe(result, "group", group_keys());
    return result;
}

} // namespace nezuban
