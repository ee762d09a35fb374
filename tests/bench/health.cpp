// `nezuban health` as a cluster manager runs it, from fork to exit, on a machine that is quiet, busy, forking or short
// of memory. And how soon it tells that a rule was given up, how soon the daemon ends then, and what publishing costs.
#include "app/health_page.hpp"
#include "bench.hpp"
#include "control/health_reader.hpp"
#include "engine/engine.hpp"
#include "host.hpp"
#include "io/clock.hpp"
#include "io/own_process.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace nezuban;

namespace {

constexpr const char* service = "nzb-service";
constexpr int rounds = 200;
constexpr double second_ms = 1000;

std::string configuration() {
    return bench::rule_text(service, "count.min = 0") + bench::runaway_rule();
}

// Processes of our own that do something until they are let go.
class Company {
public:
    Company() = default;
    ~Company() {
        for (const auto pid : pids_) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
    }
    Company(const Company&) = delete;
    Company& operator=(const Company&) = delete;
    Company(Company&&) = delete;
    Company& operator=(Company&&) = delete;

    template <typename Work> void add(Work work) {
        const auto pid = ::fork();
        if (pid < 0) test::fail_with_errno("fork");
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            work();
            ::_exit(0);
        }
        pids_.push_back(pid);
    }

private:
    std::vector<pid_t> pids_;
};

// A memory cgroup of our own (version 1), which new children join by writing their pid. Empty where there is none.
class MemoryGroup {
public:
    explicit MemoryGroup(long bytes) : path_(fmt::format("/sys/fs/cgroup/memory/nezuban-bench-{}", ::getpid())) {
        made_ = ::mkdir(path_.c_str(), 0755) == 0 && write("memory.limit_in_bytes", bytes);
    }
    ~MemoryGroup() {
        for (int i = 0; i < 100 && ::rmdir(path_.c_str()) != 0 && errno == EBUSY; ++i)
            bench::rest(std::chrono::milliseconds(20));
    }
    MemoryGroup(const MemoryGroup&) = delete;
    MemoryGroup& operator=(const MemoryGroup&) = delete;
    MemoryGroup(MemoryGroup&&) = delete;
    MemoryGroup& operator=(MemoryGroup&&) = delete;

    [[nodiscard]] bool made() const {
        return made_;
    }
    [[nodiscard]] bool join() const {
        return write("cgroup.procs", 0);
    }
    [[nodiscard]] std::string failures() const {
        auto text = bench::read_text(path_ + "/memory.failcnt");
        return text.substr(0, text.find('\n'));
    }

private:
    [[nodiscard]] bool write(const std::string& file, long number) const {
        std::ofstream out(path_ + "/" + file);
        out << number;
        return static_cast<bool>(out.flush());
    }

    std::string path_;
    bool made_ = false;
};

// From before the fork until it has been waited for, in milliseconds.
double run_once(std::vector<std::string> words, int expected) {
    std::vector<char*> argv;
    for (auto& word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto begin = bench::monotonic_ns();
    const auto pid = ::vfork();
    if (pid == 0) {
        const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        ::dup2(null, STDOUT_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    const auto span = bench::ms_since(begin);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != expected)
        throw std::runtime_error(fmt::format("{} ended with {}", words[0], WEXITSTATUS(status)));
    return span;
}

double ask_once(const test::Daemon& daemon, int expected) {
    return run_once({test::nezuban_binary(), "health", "--socket", daemon.socket()}, expected);
}

// The verb, and in turns with it the smallest program there is, statically linked: what whoever asks can't be spared.
struct Pair {
    explicit Pair(const std::string& where) : health(where, "ms"), nothing("  a program that does nothing", "ms") {}

    bench::Series health;
    bench::Series nothing;

    void ask(const test::Daemon& daemon, int expected = 0) {
        health.add(ask_once(daemon, expected));
        nothing.add(run_once({test::program("nztrue")}, 0));
    }
    void ask_many(const test::Daemon& daemon, int times = rounds, int expected = 0) {
        for (int round = 0; round < times; ++round)
            ask(daemon, expected);
    }
    void tell() const {
        bench::print(health);
        bench::print(nothing);
        bench::print_bar(
            "health, " + health.name() + ": fork → exit, the longest", health.max(), "ms",
            fmt::format("median {:.3g}, p99 {:.3g} ms; a program that does nothing {:.3g}, {:.3g}, longest "
                        "{:.3g} ms; n = {}",
                        health.median(), health.quantile(0.99), nothing.median(), nothing.quantile(0.99), nothing.max(),
                        health.size()),
            second_ms);
    }
};

Pair quiet(const test::Daemon& daemon) {
    Pair pair("quiet machine");
    pair.ask_many(daemon);
    return pair;
}

Pair busy(const test::Daemon& daemon) {
    Pair pair("two busy loops a processor");
    Company company;
    for (long i = 0; i < 2 * ::sysconf(_SC_NPROCESSORS_ONLN); ++i)
        company.add([] {
            for (;;)
                (void)bench::monotonic_ns();
        });
    pair.ask_many(daemon);
    return pair;
}

// While 20,000 are being forked, and among them when they are there.
void storm(const test::Daemon& daemon, std::vector<Pair>& all) {
    Pair forking("20,000 being forked");
    Pair alive("20,000 alive");
    auto storm = test::start_program("nzstorm", {"20000", "--name", "nzb-storm", "--wait"});
    storm.send("go");
    const auto deadline = bench::monotonic_ns() + 60'000'000'000LL;
    while (bench::monotonic_ns() < deadline) {
        const auto count = bench::status(daemon)["daemon"]["processes"].get<long>();
        if (count >= 20'000) break;
        forking.ask(daemon);
    }
    alive.ask_many(daemon, rounds / 2);
    all.push_back(std::move(forking));
    all.push_back(std::move(alive));
}

// In a cgroup that reclaims all the time: one reads a file four times as large, one keeps most of the memory. We are in
// it ourselves meanwhile, and so is the verb.
Pair pressed(const test::Daemon& daemon, const test::TempDir& disk) {
    Pair pair("in a memory cgroup that reclaims");
    constexpr long limit = 64L << 20;
    const MemoryGroup group(limit);
    if (!group.made()) {
        fmt::print("skipped: no memory cgroup of our own can be made (version 1 is looked for)\n");
        return pair;
    }
    const auto file = disk.write("large", std::string(4 * limit, 'x'));
    const int written = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    ::fsync(written); // what is dirty can't be dropped
    ::close(written);
    Company company;
    company.add([&] {
        if (!group.join()) ::_exit(1);
        std::vector<char> piece(1U << 20U);
        const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        for (;;) {
            // Who wrote it pays for what is cached of it.
            ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
            ::lseek(fd, 0, SEEK_SET);
            while (::read(fd, piece.data(), piece.size()) > 0) {
            }
        }
    });
    company.add([&] {
        if (!group.join()) ::_exit(1);
        constexpr std::size_t kept = limit / 2;
        auto* bytes =
            static_cast<char*>(::mmap(nullptr, kept, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        for (std::size_t at = 0;; at = (at + 4096) % kept)
            bytes[at] = 1;
    });
    // A child of its own asks from inside, and tells through a file: we stay outside.
    const auto results = disk.file("pressed");
    bench::rest(std::chrono::milliseconds(500));
    const auto pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!group.join()) ::_exit(1);
        std::ofstream out(results);
        for (int round = 0; round < rounds; ++round)
            out << ask_once(daemon, 0) << ' ' << run_once({test::program("nztrue")}, 0) << '\n';
        out.close();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    std::ifstream in(results);
    for (double health = 0, nothing = 0; in >> health >> nothing;) {
        pair.health.add(health);
        pair.nothing.add(nothing);
    }
    fmt::print("the limit of {} MiB was hit {} times\n", limit >> 20, group.failures());
    return pair;
}

Pair stopped(test::Daemon& daemon) {
    Pair pair("the daemon is stopped");
    daemon.child().signal(SIGSTOP);
    pair.ask_many(daemon, rounds / 4, 2);
    daemon.child().signal(SIGCONT);
    return pair;
}

// The wall time of an event of the history, in the clock of monotonic_ns.
long long moment_of(const nlohmann::json& event) {
    const auto text = event.at("time").get<std::string>();
    std::tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || *rest != '.') throw std::runtime_error("not a time: " + text);
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    const long long now = wall.tv_sec * 1'000'000'000LL + wall.tv_nsec;
    return ::timegm(&parts) * 1'000'000'000LL + std::stoll(rest + 1) - now + bench::monotonic_ns();
}

// The scribe may still be writing when the daemon has ended.
nlohmann::json escalation_in(const test::Daemon& daemon) {
    for (const auto deadline = test::after(); test::Clock::now() < deadline;) {
        std::istringstream lines(daemon.ask({"events", "--json"}).out);
        for (std::string line; std::getline(lines, line);) {
            auto event = nlohmann::json::parse(line);
            if (event["event"] == "escalated") return event;
        }
        bench::rest(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("nothing was escalated:\n" + daemon.log());
}

// The service is killed, its restart fails, and that was the last attempt. Decision: the time of the event.
void escalate(const std::string& others, const std::string& action, bench::Series& told, bench::Series& ended) {
    test::Daemon daemon(bench::rule_text(service, "restart.command = [\"/bin/false\"]\nrestart.attempts = 1\n"
                                                  "restart.settle = \"0s\"\n"
                                                      + action)
                        + others);
    auto victim = test::start_program("nzidle", {"--name", service});
    daemon.start();
    const auto page = health_path(daemon.socket());
    victim.signal(SIGKILL);
    long long failed_at = 0;
    const auto deadline = bench::monotonic_ns() + 20'000'000'000LL;
    while (failed_at == 0 && bench::monotonic_ns() < deadline) {
        const auto seen = look_at_health(page);
        if (seen && !seen->view.rules.empty() && seen->view.rules.front().failed) failed_at = bench::monotonic_ns();
        if (!seen && seen.error().number == ESRCH) break; // it has ended before we looked
        ::usleep(50);
    }
    if (!action.empty()) {
        if (!test::wait_readable(daemon.child().pidfd(), test::after())) throw std::runtime_error("it did not end");
        const auto ended_at = bench::monotonic_ns();
        if (daemon.child().wait().exit_code != 10) throw std::runtime_error("it ended otherwise:\n" + daemon.log());
        ended.add(static_cast<double>(ended_at - moment_of(escalation_in(daemon))) / 1e6);
    } else {
        if (failed_at == 0) throw std::runtime_error("health never told");
        daemon.stop();
    }
    if (failed_at != 0) told.add(static_cast<double>(failed_at - moment_of(escalation_in(daemon))) / 1e6);
}

void escalations() {
    constexpr int times = 15;
    constexpr double bar_ms = 100;
    std::string many;
    for (int i = 0; i < 999; ++i)
        many += bench::rule_text(fmt::format("nzb-{:03}", i), "count.min = 0");
    for (const auto& [name, others] : {std::pair<std::string, std::string>{"1 rule", ""},
                                       std::pair<std::string, std::string>{"1,000 rules", many}}) {
        bench::Series told("decision -> health tells, " + name, "ms");
        bench::Series ended("decision -> the daemon's exit, " + name, "ms");
        for (int i = 0; i < times; ++i) {
            escalate(others, "", told, ended);
            escalate(others, "escalate.action = \"exit\"\nescalate.exit_code = 10", told, ended);
        }
        bench::print(told);
        bench::print(ended);
        bench::print_bar("escalation, " + name + ": decision → health tells, the longest", told.max(), "ms",
                         bench::spread_of(told), bar_ms);
        bench::print_bar("escalation, " + name + ": decision → the daemon has ended, the longest", ended.max(), "ms",
                         bench::spread_of(ended), bar_ms);
    }
}

void publishing() {
    const test::TempDir dir;
    bench::print_title("one text: view, words, page");
    for (const int rules : {1, 100, 1000}) {
        std::vector<RuleSpec> specs;
        for (int i = 0; i < rules; ++i) {
            RuleSpec spec;
            spec.name = fmt::format("rule-{:04}", i);
            spec.match.comm = fmt::format("nzb-{:04}", i);
            spec.count.min = 0;
            specs.push_back(std::move(spec));
        }
        Engine engine({.seed = 1}, specs, {}, {});
        auto page = bench::must(HealthPage::open(dir.file("control.sock"), "n.toml"));
        bench::Series series(fmt::format("{} rules", rules));
        for (int i = 0; i < 300; ++i) {
            const auto now = monotonic_now();
            page.changed(true);
            const auto begin = bench::monotonic_ns();
            const auto published = page.turn(now, [&] { return HealthText{.view = engine.view(now, Detail::health)}; });
            if (!published) throw std::runtime_error(published.error().text);
            series.add(bench::ms_since(begin) * 1e3);
        }
        bench::print(series);
    }
}

void run() {
    // As /run is: where the page lies on a disk, that disk is measured.
    if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
    publishing();
    bench::print_title("nezuban health: fork -> exit");
    std::vector<Pair> all;
    {
        test::Daemon daemon(configuration());
        daemon.start();
        all.push_back(quiet(daemon));
        all.push_back(busy(daemon));
        storm(daemon, all);
        ::setenv("TMPDIR", "/var/tmp", 1);
        all.push_back(pressed(daemon, test::TempDir()));
        ::setenv("TMPDIR", "/dev/shm", 1);
        all.push_back(stopped(daemon));
    }
    for (const auto& pair : all)
        if (pair.health.size() > 0) pair.tell();
    bench::print_title("a rule is given up");
    run_ahead(); // it is the daemon that is measured here, not how long we wait for a processor to see it
    escalations();
}

} // namespace

int main() {
    return bench::run_bench(run);
}
