// `nezuban health` when it is needed most: the daemon is stopped, frozen, dead or besieged, and the page is not what it
// was.
#include "e2e/stage.hpp"

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using namespace nezuban::test;

namespace {

using Codes = std::map<std::string, int>; // style -> exit code
const Codes cannot_tell{{"clusterpro", 2}, {"ocf", 1}, {"nagios", 3}, {"keepalived", 1}, {"lsb", 4}};

// In every style the code of "cannot tell", and the sentence.
void check_cannot_tell(const Daemon& daemon, const std::string& sentence) {
    for (const auto& [style, code] : cannot_tell) {
        const auto answer = daemon.ask({"health", "--style=" + style});
        CAPTURE(style);
        CHECK(answer.exit_code == code);
        CHECK(answer.out.find(sentence) != std::string::npos);
        CHECK(std::ranges::count(answer.out, '\n') == 1);
    }
}

void await_health(const Daemon& daemon, int code) {
    for (const auto deadline = after();;) {
        const auto answer = daemon.ask({"health"});
        if (answer.exit_code == code) return;
        if (Clock::now() > deadline) throw std::runtime_error("health stays so: " + answer.out);
    }
}

std::string page_of(const Daemon& daemon) {
    return daemon.dir().file("control.health");
}

// A freezer of version 1 for one process, which is thawed and put back at the end.
class Freezer {
public:
    Freezer() : path_("/sys/fs/cgroup/freezer/nezuban-test-" + std::to_string(::getpid())) {
        made_ = ::mkdir(path_.c_str(), 0755) == 0;
    }
    ~Freezer() {
        if (!made_) return;
        (void)write(path_ + "/freezer.state", "THAWED");
        if (!frozen_.empty()) (void)write("/sys/fs/cgroup/freezer/cgroup.procs", frozen_);
        ::rmdir(path_.c_str());
    }
    Freezer(const Freezer&) = delete;
    Freezer& operator=(const Freezer&) = delete;
    Freezer(Freezer&&) = delete;
    Freezer& operator=(Freezer&&) = delete;

    bool take(pid_t pid) {
        frozen_ = std::to_string(pid);
        return made_ && write(path_ + "/cgroup.procs", frozen_);
    }
    // Returns when it is so.
    [[nodiscard]] bool set(const std::string& state) const {
        if (!write(path_ + "/freezer.state", state)) return false;
        for (const auto deadline = after(); Clock::now() < deadline;) {
            std::ifstream in(path_ + "/freezer.state");
            std::string now;
            if (in >> now && now == state) return true;
        }
        return false;
    }

private:
    static bool write(const std::string& path, const std::string& text) {
        std::ofstream out(path);
        out << text;
        return static_cast<bool>(out.flush());
    }

    std::string path_;
    std::string frozen_;
    bool made_ = false;
};

// The ring through which a daemon hears of the kernel, with its consumer's place moved beyond all that will ever be
// written: the kernel takes it for full, and the daemon for empty. Put right again at the end.
class BrokenRing {
public:
    explicit BrokenRing(pid_t daemon) {
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        const Fd map(::bpf_map_get_fd_by_id(map_of(daemon)));
        if (map.get() < 0) fail_with_errno("opening the ring");
        consumer_ =
            static_cast<std::uint64_t*>(::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0));
        producer_ = static_cast<std::uint64_t*>(
            ::mmap(nullptr, page, PROT_READ, MAP_SHARED, map.get(), static_cast<off_t>(page)));
        if (consumer_ == MAP_FAILED || producer_ == MAP_FAILED) fail_with_errno("mapping the ring");
        __atomic_store_n(consumer_, __atomic_load_n(producer_, __ATOMIC_ACQUIRE) + (1ULL << 40U), __ATOMIC_RELEASE);
    }
    ~BrokenRing() {
        __atomic_store_n(consumer_, __atomic_load_n(producer_, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        ::munmap(consumer_, page);
        ::munmap(producer_, page);
    }
    BrokenRing(const BrokenRing&) = delete;
    BrokenRing& operator=(const BrokenRing&) = delete;
    BrokenRing(BrokenRing&&) = delete;
    BrokenRing& operator=(BrokenRing&&) = delete;

private:
    // That of the life-cycle programs: the largest.
    static std::uint32_t map_of(pid_t daemon) {
        std::uint32_t found = 0;
        std::uint64_t largest = 0;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(daemon) + "/fdinfo")) {
            std::ifstream in(entry.path());
            std::map<std::string, std::string> info;
            for (std::string key, value; in >> key >> value;)
                info[key] = value;
            if (info["map_type:"] != std::to_string(BPF_MAP_TYPE_RINGBUF)) continue;
            const auto size = std::stoull(info["max_entries:"]);
            if (size <= largest) continue;
            largest = size;
            found = static_cast<std::uint32_t>(std::stoul(info["map_id:"]));
        }
        if (found == 0) throw std::runtime_error("the daemon has no ring");
        return found;
    }

    std::uint64_t* consumer_ = nullptr;
    std::uint64_t* producer_ = nullptr;
};

std::size_t beats_waiting(NotifySocket& notifications) {
    std::size_t beats = 0;
    try {
        for (;;)
            beats += notifications.next(Clock::now()) == "WATCHDOG=1" ? 1 : 0;
    } catch (const std::runtime_error&) {
        return beats;
    }
}

} // namespace

TEST_CASE("a daemon that is stopped can't be believed, and is believed again when it goes on") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    CHECK(daemon.ask({"health"}).exit_code == 0);

    daemon.child().signal(SIGSTOP);
    check_cannot_tell(daemon, "the daemon is stopped (SIGSTOP)");

    daemon.child().signal(SIGCONT);
    await_health(daemon, 0);
}

TEST_CASE("a daemon that is frozen with its cgroup has not turned") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    Freezer freezer;
    if (!freezer.take(daemon.child().pid())) SKIP("needs the freezer of cgroup version 1");

    REQUIRE(freezer.set("FROZEN"));
    await_health(daemon, 2); // the last beat holds for a moment
    check_cannot_tell(daemon, "the daemon has not turned for ");

    REQUIRE(freezer.set("THAWED"));
    await_health(daemon, 0);
}

TEST_CASE("a daemon that was killed is not running, and its successor is believed at once") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();

    daemon.stop(SIGKILL);
    check_cannot_tell(daemon, "the daemon is not running");

    daemon.start();
    CHECK(daemon.ask({"health"}).exit_code == 0);
}

TEST_CASE("a daemon that ended by escalation has left word why") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "restart.command = [\"/bin/false\"]\nrestart.attempts = 1\nrestart.settle = \"0s\"\n"
                             "escalate.action = \"exit\"\nescalate.exit_code = 10"));
    daemon.start();

    CHECK(daemon.child().wait().exit_code == 10);

    check_cannot_tell(daemon, "the daemon is not running: it ended with exit code 10: ");
    CHECK(daemon.ask({"health"}).out.find(name) != std::string::npos);
}

TEST_CASE("whoever asks is answered while others hold every place at the control socket") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    std::vector<Fd> hostile;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, daemon.socket().c_str(), daemon.socket().size());
    for (int i = 0; i < 64; ++i) {
        hostile.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(hostile.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        (void)!::write(hostile.back().get(), "{\"verb\"", 7);
    }

    for (int i = 0; i < 10; ++i)
        CHECK(daemon.ask({"health"}).exit_code == 0);
}

TEST_CASE("whoever asks while the daemon takes a thousand rules is answered every time") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many +=
            "[[process]]\nname = \"" + name + std::to_string(i) + "\"\nmatch.comm = \"" + name + "\"\ncount.min = 0\n";
    daemon.configure(many);

    daemon.child().signal(SIGHUP);
    for (const auto deadline = after();;) {
        const auto answer = daemon.ask({"health"});
        REQUIRE(answer.exit_code == 0);
        if (answer.out.find("1000 rules") != std::string::npos) break;
        REQUIRE(Clock::now() < deadline);
    }
    CHECK(daemon.ask({"health", name + "999"}).exit_code == 0);
    CHECK(daemon.ask({"health", name}).exit_code == 2);
}

TEST_CASE("a page that is damaged, cut short or removed is mended by the daemon, and believed only then") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    const auto page = page_of(daemon);

    std::filesystem::resize_file(page, 0);
    await_health(daemon, 0);
    std::ofstream(page, std::ios::in | std::ios::binary) << "garbage of whatever kind";
    await_health(daemon, 0);
    std::filesystem::remove(page);
    await_health(daemon, 0);

    daemon.child().signal(SIGKILL);
    daemon.child().wait();
    std::filesystem::resize_file(page, 100);
    check_cannot_tell(daemon, page + " is damaged");
}

TEST_CASE("a page of another version, a link and what others may write are never believed") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    daemon.child().signal(SIGSTOP); // or it would mend what we do
    const auto page = page_of(daemon);
    const auto whole = daemon.dir().read("control.health");

    std::filesystem::permissions(page, std::filesystem::perms(0666));
    check_cannot_tell(daemon, page + " can be written by others");
    std::filesystem::permissions(page, std::filesystem::perms(0600));
    auto other = whole;
    other[8] = 99;
    daemon.dir().write("control.health", other);
    check_cannot_tell(daemon, "of another version");
    daemon.dir().write("real", whole);
    std::filesystem::remove(page);
    std::filesystem::create_symlink(daemon.dir().file("real"), page);
    check_cannot_tell(daemon, page + " is a link");
    daemon.child().signal(SIGCONT);
}

TEST_CASE("at the usual place the configuration needn't be read") {
    NEEDS_DAEMON();
    const TempDir dir;
    const auto config = dir.write("nezuban.toml", "[daemon]\nstate_dir = \"" + dir.file("state") + "\"\n");
    // In a mount namespace of its own, because the usual place belongs to the machine. When it is up, its configuration
    // names another place: whoever read that would find nobody.
    Child shell({"unshare", "--mount", "/bin/sh", "-c",
                 "mount -t tmpfs none /run || exit 77\n"
                 "\"$1\" run -c \"$2\" 2>\"$3\" & trap 'kill $!; wait' EXIT\n"
                 "for i in $(seq 400); do \"$1\" health -c \"$2\" >/dev/null && break; sleep 0.05; done\n"
                 "printf '[daemon]\\nsocket = \"/nowhere.sock\"\\n' >\"$2\"\n"
                 "\"$1\" health -c \"$2\"",
                 "sh", nezuban_binary(), config, dir.file("log")});
    shell.close_input();
    const auto said = shell.read_rest();
    const auto ending = shell.wait();
    if (ending.exit_code == 77) SKIP("needs a mount namespace of its own");
    CAPTURE(dir.read("log"));
    CHECK(ending.exit_code == 0);
    CHECK(said == "ok: 0 rules\n");
}

TEST_CASE("the watchdog isn't fed when events don't arrive any more, and again when they do") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start({{"WATCHDOG_USEC", "400000"}});
    daemon.notifications().await("WATCHDOG=1");

    {
        const BrokenRing broken(daemon.child().pid());
        await_log(daemon, "our own did not come back");
        beats_waiting(daemon.notifications());
        // It turns and compares all the same, for more than a dozen intervals.
        const auto before = status_of(daemon)["daemon"]["resyncs"].get<int>();
        for (const auto deadline = after(); status_of(daemon)["daemon"]["resyncs"].get<int>() < before + 3;)
            REQUIRE(Clock::now() < deadline);
        CHECK(beats_waiting(daemon.notifications()) == 0);
    }

    daemon.notifications().await("WATCHDOG=1");
    await_log(daemon, "the kernel's events reach us again");
    CHECK(daemon.log().find("our own did not come back") == daemon.log().rfind("our own did not come back"));
}
