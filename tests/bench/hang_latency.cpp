// How long after its threshold a hang is told, through the daemon as a whole: from the moment at which it truly began
// to its incident. One hang at a time, so that no look that another one asks for comes early for it, and each at
// another moment between two regular scans.
#include "../live/identity.hpp"
#include "../support/hang.hpp"
#include "bench.hpp"
#include "host.hpp"

#include <cstdio>
#include <functional>
#include <memory>

#include <netinet/in.h>
#include <time.h>

using namespace nezuban;

namespace {

constexpr int rounds = 12;
constexpr int rounds_among_many = 10;
constexpr std::chrono::milliseconds between{137}; // spreads the beginnings over the second between two scans
constexpr double threshold_ms = 2000;
constexpr double bar_ms = 1000;
constexpr double deadlock_bar_ms = 3000;

long long nanoseconds_of(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}
long long wall_now() {
    return nanoseconds_of(CLOCK_REALTIME);
}

// RFC 3339 in UTC with nanoseconds, as the history tells it.
long long wall_of(const std::string& text) {
    tm date{};
    long long fraction = 0;
    if (std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d.%9lldZ", &date.tm_year, &date.tm_mon, &date.tm_mday, &date.tm_hour,
                    &date.tm_min, &date.tm_sec, &fraction)
        != 7)
        throw std::runtime_error("no date: " + text);
    date.tm_year -= 1900;
    date.tm_mon -= 1;
    return ::timegm(&date) * 1'000'000'000LL + fraction;
}

// One that hangs: who it is, and since when (CLOCK_REALTIME).
struct Hanging {
    pid_t pid = 0;
    long long since = 0;
    std::vector<std::shared_ptr<void>> kept; // lives until its incident
};

struct Kind {
    std::string rule;
    std::string key;
    std::string title;
    std::function<Hanging(const std::string& name)> begin;
};

template <typename T, typename... Arguments> std::shared_ptr<T> keep(Hanging& hanging, Arguments&&... arguments) {
    auto made = std::make_shared<T>(std::forward<Arguments>(arguments)...);
    hanging.kept.push_back(made);
    return made;
}

pid_t child_of(pid_t parent) {
    for (const auto& seen : bench::processes()) {
        if (seen.parent == parent) return seen.pid;
    }
    throw std::runtime_error("it has no child");
}

Hanging in_vfork(const std::string& name) {
    Hanging hanging;
    const auto actor = keep<test::Actor>(hanging, "nzstuck", std::vector<std::string>{"vfork"}, name);
    hanging.pid = actor->pid();
    // Its child was made by the call in which it waits.
    const auto child = test::identity_of(child_of(hanging.pid));
    hanging.since =
        static_cast<long long>(child.start_ns) + nanoseconds_of(CLOCK_REALTIME) - nanoseconds_of(CLOCK_BOOTTIME);
    return hanging;
}

// Not one that ends with its input: it can't while it is stopped.
Hanging stopped(const std::string& name) {
    Hanging hanging;
    const auto child = keep<test::Child>(hanging, std::vector<std::string>{test::program("nzidle"), "--name", name});
    child->read_line(); // ready
    hanging.pid = child->pid();
    hanging.since = wall_now();
    child->signal(SIGSTOP);
    return hanging;
}

Hanging unserved(const std::string& name) {
    Hanging hanging;
    const auto actor = keep<test::Actor>(hanging, "nzstuck", std::vector<std::string>{"noaccept"}, name);
    hanging.pid = actor->pid();
    hanging.since = wall_now();
    keep<test::Client>(hanging, actor->said().at("port").get<int>());
    return hanging;
}

// From its start, which is earlier than the cycle by a few milliseconds.
Hanging deadlocked(const std::string& name) {
    Hanging hanging;
    hanging.since = wall_now();
    const auto actor = keep<test::Actor>(hanging, "nzlock", std::vector<std::string>{"cycle2"}, name);
    hanging.pid = actor->pid();
    return hanging;
}

std::vector<Kind> thresholds() {
    return {{.rule = "nzb-vfork",
             .key = "hang.uninterruptible = \"2s\"",
             .title = "uninterruptible (vfork)",
             .begin = in_vfork},
            {.rule = "nzb-stopped", .key = "hang.stopped = \"2s\"", .title = "stopped (SIGSTOP)", .begin = stopped},
            {.rule = "nzb-unserved",
             .key = "hang.unserved = \"2s\"",
             .title = "unserved (a connection)",
             .begin = unserved}};
}
Kind deadlock() {
    return {.rule = "nzb-deadlock", .key = "hang.deadlock = true", .title = "deadlock", .begin = deadlocked};
}

std::string rules() {
    std::string text = bench::runaway_rule();
    auto kinds = thresholds();
    kinds.push_back(deadlock());
    for (const auto& kind : kinds)
        text += bench::rule_text(kind.rule, "count.min = 0\n" + kind.key);
    return text;
}

// What the running daemon tells, as it is told.
class Told {
public:
    explicit Told(const test::Daemon& daemon)
        : events_({test::nezuban_binary(), "events", "-f", "--json", "-c", daemon.config()}) {}
    long long await_hang(const std::string& rule, pid_t pid) {
        for (const auto deadline = test::after();;) {
            const auto event = nlohmann::json::parse(events_.read_line(deadline));
            if (event.at("rule") == rule && event.at("event") == "hang" && event.at("pid") == pid)
                return wall_of(event.at("time").get<std::string>());
        }
    }

private:
    test::Child events_;
};

bench::Series measure(const Kind& kind, Told& told, int times, double threshold, const std::string& title) {
    bench::Series late(title, "ms");
    for (int round = 0; round < times; ++round) {
        bench::rest(round * between % std::chrono::milliseconds(1000));
        const auto hanging = kind.begin(kind.rule);
        const auto incident = told.await_hang(kind.rule, hanging.pid);
        late.add(static_cast<double>(incident - hanging.since) / 1e6 - threshold);
    }
    bench::print(late);
    return late;
}

void print_worst(const std::string& what, const bench::Series& late, double bar) {
    bench::print_bar(
        what, late.max(), "ms",
        fmt::format("least {:.4g}, median {:.4g} ms, n = {}", late.quantile(0), late.median(), late.size()), bar);
}

void run() {
    std::vector<std::function<void()>> rows;
    const auto collect = [&](const std::string& what, const bench::Series& late, double bar) {
        rows.emplace_back([what, late, bar] { print_worst(what, late, bar); });
    };
    {
        test::Daemon daemon(rules());
        daemon.start();
        Told told(daemon);
        bench::print_title("from the threshold (2 s) to the incident; a deadlock from its beginning");
        for (const auto& kind : thresholds())
            collect("hang told after its threshold, worst: " + kind.title,
                    measure(kind, told, rounds, threshold_ms, kind.title), bar_ms);
        collect("deadlock told after its beginning, worst", measure(deadlock(), told, rounds, 0, "deadlock"),
                deadlock_bar_ms);
    }
    auto sleepers = bench::start_sleepers(20'000);
    test::Daemon daemon(rules());
    daemon.start();
    Told told(daemon);
    bench::print_title("the same among 20,000 idle processes");
    for (const auto& kind : thresholds())
        collect("the same among 20,000 idle processes: " + kind.title,
                measure(kind, told, rounds_among_many, threshold_ms, kind.title), bar_ms);
    collect("deadlock among 20,000 idle processes, worst", measure(deadlock(), told, rounds_among_many, 0, "deadlock"),
            deadlock_bar_ms);
    for (const auto& row : rows)
        row();
}

} // namespace

int main() {
    return bench::run_bench(run);
}
