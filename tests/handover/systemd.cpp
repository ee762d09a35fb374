// The unit: what systemd says of it, what it leaves the daemon, and what a systemd of its own does with it.
#include "node.hpp"

#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

using namespace nezuban::test;
using namespace nezuban::test::node;

namespace {

std::string why_no_systemd_analyze() {
    const auto answer = run({"/bin/sh", "-c", "command -v systemd-analyze && systemd-analyze security --help"});
    if (answer.exit_code != 0) return "no systemd-analyze";
    return contains(answer.out, "--offline") ? "" : "systemd-analyze is older than 250: it can't judge files";
}

// A file system with nothing in it but the unit, its drop-ins, and a program in the place of nezuban.
class Root {
public:
    explicit Root(const std::vector<std::string>& drop_ins) {
        const auto units = dir_.path() / "etc/systemd/system";
        std::filesystem::create_directories(units / "nezuban.service.d");
        std::filesystem::create_directories(dir_.path() / "usr/sbin");
        std::filesystem::copy_file("/bin/true", dir_.path() / "usr/sbin/nezuban");
        std::filesystem::copy_file(source("configs/nezuban.service"), units / "nezuban.service");
        for (const auto& name : drop_ins)
            std::filesystem::copy_file(source("configs/" + name), units / "nezuban.service.d" / name);
    }
    [[nodiscard]] Answer analyze(std::vector<std::string> words) const {
        words.insert(words.begin(), "systemd-analyze");
        words.push_back("--root=" + dir_.path().string());
        words.emplace_back("nezuban.service");
        return run(words);
    }
    // 0 (closed) to 10 (open), as `systemd-analyze security` sums up.
    [[nodiscard]] double exposure() const {
        const auto answer = analyze({"security", "--offline=true", "--no-pager"});
        const std::regex sum(R"(Overall exposure level for nezuban.service: ([0-9.]+))");
        std::smatch parts;
        if (!std::regex_search(answer.out, parts, sum)) throw std::runtime_error(answer.out + answer.errors);
        return std::stod(parts[1]);
    }

private:
    TempDir dir_;
};

// CapabilityBoundingSet of a drop-in, its last one, as setpriv wants it: "-all,+bpf,+kill".
std::string capabilities_of(const std::string& drop_in) {
    std::ifstream in(source("configs/" + drop_in));
    std::string set;
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("CapabilityBoundingSet=")) set = line.substr(line.find('=') + 1);
    std::string words = "-all";
    std::istringstream names(set);
    for (std::string name; names >> name;) {
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        words += ",+" + name.substr(std::string("cap_").size());
    }
    return words;
}

long long monotonic_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000LL + now.tv_nsec / 1'000;
}

} // namespace

TEST_CASE("systemd finds nothing wrong with the unit, nor with any of its drop-ins") {
    if (const auto reason = why_no_systemd_analyze(); !reason.empty()) SKIP(reason);
    std::vector<std::vector<std::string>> sets{
        {}, {"nezuban-observer.conf"}, {"nezuban-observer.conf", "nezuban-report-only.conf"}};
    // An older systemd takes the type for an error.
    if (std::stoi(must({"/bin/sh", "-c", "systemd-analyze --version | grep -om1 '[0-9]*' | head -n 1"})) >= 253)
        sets.push_back({"nezuban-notify-reload.conf"});
    for (const auto& drop_ins : sets) {
        const Root root(drop_ins);
        const auto answer = root.analyze({"verify", "--man=no", "--recursive-errors=no"});
        // Other units aren't there in this root: what is said of ours counts.
        CAPTURE(answer.errors);
        CHECK(answer.exit_code == 0);
        CHECK_FALSE(contains(answer.errors, "nezuban.service:"));
    }
}

TEST_CASE("each sandbox leaves less open than the one before") {
    if (const auto reason = why_no_systemd_analyze(); !reason.empty()) SKIP(reason);

    const auto unit = Root({}).exposure();
    const auto observer = Root({"nezuban-observer.conf"}).exposure();
    const auto report_only = Root({"nezuban-observer.conf", "nezuban-report-only.conf"}).exposure();

    MESSAGE("exposure: " << unit << " as it is, " << observer << " sandboxed, " << report_only << " reporting only");
    CHECK(observer < 5.0); // "MEDIUM" begins there
    CHECK(report_only < observer);
    CHECK(observer < unit);
}

TEST_CASE("the capabilities of the sandbox are enough to prove a deadlock, to end it, and to restart") {
    NEEDS_DAEMON();
    if (run({"setpriv", "--bounding-set=-all,+bpf", "true"}).exit_code != 0) SKIP("no setpriv that knows CAP_BPF");
    // Given a daemon with nothing but what nezuban-observer.conf leaves it,
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    NotifySocket systemd(dir.file("service-manager"));
    const auto config =
        dir.write("nezuban.toml",
                  "[daemon]\nstate_dir = \"" + dir.file("state") + "\"\nsocket = \"" + dir.file("control.sock") + "\"\n"
                      + rule(name, "hang.action = \"restart\"\nrestart.settle = \"0s\"\nrestart.command = "
                                       + command(detached(name, leash))));
    const std::vector<std::string> nezuban{nezuban_binary(), "-c", config, "--socket", dir.file("control.sock")};
    // and a process whose capabilities are beyond its own.
    auto deadlocked = start_program("nzlock", {"cycle2", "--name", name});
    Child daemon(
        {"setpriv", "--bounding-set=" + capabilities_of("nezuban-observer.conf"), "--inh-caps=-all", nezuban_binary(),
         "run", "-c", config},
        {.environment = {{"NOTIFY_SOCKET", dir.file("service-manager")}}, .directory = {}, .own_errors = true});
    systemd.await("READY=1", after(), daemon.pidfd());

    // Then its end, and its successor, are the daemon's doing.
    const auto ending = deadlocked.wait();
    CHECK(ending.signal == SIGTERM);
    Child events({nezuban_binary(), "events", "--json", "-f", "-n", "1000", "-c", config});
    std::vector<std::string> told;
    while (told.empty() || told.back() != "recovered") {
        const auto event = nlohmann::json::parse(events.read_line());
        if (event["rule"] != name) continue;
        told.push_back(event["event"]);
        if (event["event"] == "hang") CHECK(contains(event["reason"], "deadlock"));
    }
    CHECK(std::ranges::count(told, "hang") == 1);
    CHECK(run({nezuban_binary(), "health", "--socket", dir.file("control.sock")}).exit_code == 0);

    daemon.signal(SIGTERM);
    CHECK(daemon.wait().exit_code == 0);
    // A memory limit is systemd's to lift, the OOM score systemd's to set.
    const auto log = daemon.errors().rest(after());
    CHECK_FALSE(contains(log, "raising the priority"));
}

TEST_CASE(
    "SIGHUP is answered as Type=notify-reload wants it: RELOADING with the time, later than the signal, then READY") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();

    for (const bool broken : {false, true}) {
        if (broken) daemon.configure("[[process]]\nname = 7\n");
        const auto before = monotonic_microseconds();
        daemon.child().signal(SIGHUP);

        const auto reloading = daemon.notifications().await("RELOADING=1");
        const std::regex stamp(R"((^|\n)MONOTONIC_USEC=([0-9]+)(\n|$))");
        std::smatch parts;
        REQUIRE(std::regex_search(reloading, parts, stamp));
        CHECK(std::stoll(parts[2]) >= before);
        // Also after a file with errors: the daemon goes on with what it has.
        daemon.notifications().await("READY=1");
    }
    CHECK(daemon.stop().exit_code == 0);
}

TEST_CASE(
    "under a systemd of its own: start, restart commands, reload, watchdog and stop, with and without the sandbox") {
    if (::geteuid() != 0) SKIP("needs root to make the guest's files");
    const TempDir dir;
    const auto answer = run({source("tests/handover/systemd-guest"), build_dir(), dir.file("guest")}, {},
                            after(std::chrono::seconds{300}));
    if (answer.exit_code == 77) SKIP("no guest: " + answer.errors);

    CAPTURE(answer.out);
    CAPTURE(answer.errors);
    CHECK(answer.exit_code == 0);
    CHECK_FALSE(contains(answer.out, "FAILED "));
    for (const auto* story :
         {"unit: it stops", "unit: a daemon that hangs is replaced by the watchdog", "unit: a reload of errors fails",
          "unit: an accident is followed by another start", "unit: which systemd respects",
          "nezuban-observer.conf: it misses nothing", "nezuban-observer.conf: one that hangs is ended and replaced",
          "nezuban-report-only.conf: it reads the locks of other users"})
        CHECK(contains(answer.out, std::string("ok ") + story + "\n"));
    CHECK(contains(answer.out, "\ntold\n"));
}
