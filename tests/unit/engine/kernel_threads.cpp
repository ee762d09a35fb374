// Kernel threads as targets: counted, judged, restarted by a command, and never signalled.
#include "story.hpp"
#include "support/waits.hpp"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr auto nothing_asked = Needs{};

RuleSpec nfsd() {
    auto spec = restartable("nfsd", "nfsd");
    spec.match.kernel_thread = true;
    spec.count.min = 8;
    spec.restart.settle = 1s;
    return spec;
}

RuleSpec by_stop_and_start() {
    auto spec = nfsd();
    spec.restart.command.clear();
    spec.restart.stop = {"rpc.nfsd", "0"};
    spec.restart.start = {"rpc.nfsd", "8"};
    spec.restart.kill_after = 2s;
    return spec;
}

struct Server : Story {
    explicit Server(RuleSpec spec, std::uint32_t number = 8) : Story(std::vector{std::move(spec)}) {
        start(number);
    }
    void start(std::uint32_t number) {
        for (std::uint32_t i = 0; i < number; ++i)
            threads.push_back(thread("nfsd"));
        snapshot();
    }
    // As kthreadd makes one: it has its maker's name for a moment.
    Identity thread(const std::string& comm) {
        const auto id = present(comm);
        world.at(id).kernel_thread = true;
        return id;
    }
    void end(std::uint32_t number) {
        for (; number > 0; --number) {
            exit(threads.back());
            threads.pop_back();
        }
    }
    void look(WaitScan seen) {
        tell(WaitsSeen{std::make_shared<const WaitScan>(std::move(seen))});
    }
    void scan(std::vector<ThreadWait> waits) {
        look(scan_of(std::move(waits)));
    }
    void stick(Duration duration) {
        scan({stuck(duration)});
    }
    [[nodiscard]] ThreadWait stuck(Duration duration) const {
        ThreadWait wait = WaitBuilder(threads.front()).in(ThreadState::uninterruptible).off_for(duration).unkillable();
        wait.comm = "nfsd";
        wait.kernel_thread = true;
        wait.kernel_stack = {"percpu_rwsem_wait+0x11f", "nfsd_vfs_write+0x1d2 [nfsd]"};
        wait.device = "loop0 (7:0), ext4 on /export";
        return wait;
    }
    std::vector<Identity> threads;
};

} // namespace

TEST_CASE("too few kernel threads are mended by the restart command, without a signal") {
    Server server(nfsd());
    REQUIRE(server.state("nfsd") == RuleState::ok);
    server.end(8);
    CHECK(server.told(Happening::under).size() == 1);
    REQUIRE(server.commands("nfsd: restart").size() == 1);
    server.command_ends(server.last_command());
    server.start(8);
    server.wait(2s);
    CHECK(server.state("nfsd") == RuleState::ok);
    CHECK(server.told(Happening::recovered).size() == 1);
    CHECK(server.all<Signal>().empty());
}

TEST_CASE("more kernel threads than allowed are told, and restarted when the rule says so") {
    auto spec = nfsd();
    spec.count.max = 8;
    spec.count.over = Over::restart;
    Server server(spec, 12);
    CHECK(server.told(Happening::over).size() == 1);
    CHECK(server.commands("nfsd: restart").size() == 1);
    CHECK(server.all<Signal>().empty());
}

TEST_CASE("a kernel thread in D is told with its stack and its device") {
    Server server(nfsd());
    server.stick(31s);
    const auto told = server.told(Happening::hang);
    REQUIRE(told.size() == 1);
    const auto fact = [&](std::string_view key) {
        const auto found = std::ranges::find(told.front().evidence, key, &Fact::key);
        return found == told.front().evidence.end() ? std::string() : text_of(*found);
    };
    CHECK(fact("device") == "loop0 (7:0), ext4 on /export");
    CHECK(fact("kernel_stack") == "percpu_rwsem_wait+0x11f < nfsd_vfs_write+0x1d2 [nfsd]");
    CHECK(fact("comm") == "nfsd");
    CHECK(told.front().reason.ends_with(
        "(nfsd) is in D on loop0 (7:0), ext4 on /export for 31.0 s; no signal ends a kernel thread"));
    server.scan({});
    CHECK(server.told(Happening::recovered).size() == 1);
}

TEST_CASE("idle and frozen kernel threads don't hang") {
    Server server(nfsd());
    auto idle = server.stuck(1h);
    idle.state = ThreadState::idle;
    server.scan({idle});
    auto frozen = server.stuck(1h);
    frozen.frozen = true;
    server.scan({frozen});
    CHECK(server.told(Happening::hang).empty());
}

TEST_CASE("a kernel thread that ticks no more is silent") {
    auto spec = nfsd();
    spec.hang.silent = 5s;
    Server server(spec, 8);
    CHECK(server.all<WatchStalls>().size() == 8);
    WaitScan seen = scan_of({});
    seen.silences = {{.process = server.threads.front(), .silent = 6s, .longest = 6s, .usual = 100ms}};
    server.look(seen);
    server.look(seen); // it was asked for meanwhile, and is not frozen
    CHECK(server.told(Happening::hang).size() == 1);
}

TEST_CASE("a hung kernel thread that survives the restart command is not mended, and the budget ends") {
    auto spec = nfsd();
    spec.hang.action = HangAction::restart;
    spec.restart.attempts = 2;
    spec.restart.delay = 1s;
    Server server(spec);
    server.stick(31s);
    for (std::size_t attempt = 1; attempt <= 2; ++attempt) {
        REQUIRE(server.commands("nfsd: restart").size() == attempt);
        server.command_ends(server.last_command());
        server.wait(5s);
    }
    CHECK(server.state("nfsd") == RuleState::exhausted);
    REQUIRE(server.told(Happening::restart_failed).size() == 2);
    CHECK(server.told(Happening::restart_failed).front().reason.starts_with("it still hangs: tid "));
    CHECK(server.all<Signal>().empty());
}

TEST_CASE("a hung kernel thread that the restart command got rid of is mended") {
    auto spec = nfsd();
    spec.hang.action = HangAction::restart;
    Server server(spec);
    server.stick(31s);
    REQUIRE(server.commands("nfsd: restart").size() == 1);
    server.end(8);
    server.start(8);
    server.scan({});
    server.command_ends(server.last_command());
    server.wait(2s);
    CHECK(server.state("nfsd") == RuleState::ok);
}

TEST_CASE("kernel threads are not started beside those that the stop command has not ended yet") {
    auto spec = by_stop_and_start();
    Server server(spec);
    server.end(1);
    REQUIRE(server.commands("nfsd: stop").size() == 1);
    server.command_ends(server.last_command());
    CHECK(server.commands("nfsd: start").empty());
    SUBCASE("and are, once these are gone") {
        server.wait(1s);
        server.end(7);
        REQUIRE(server.commands("nfsd: start").size() == 1);
        server.start(8);
        server.command_ends(server.last_command());
        server.wait(2s);
        CHECK(server.state("nfsd") == RuleState::ok);
    }
    SUBCASE("and are not, when these stay") {
        server.wait(2s);
        CHECK(server.commands("nfsd: start").empty());
        REQUIRE(server.told(Happening::restart_failed).size() == 1);
        CHECK(server.told(Happening::restart_failed).front().reason
              == "7 kernel threads have not ended, and no signal can end them");
    }
    CHECK(server.all<Signal>().empty());
}

TEST_CASE("one in D that outlives the stop command is given up, and nothing is started beside it") {
    auto spec = by_stop_and_start();
    spec.hang.action = HangAction::restart;
    Server server(spec);
    server.stick(31s);
    REQUIRE(server.commands("nfsd: stop").size() == 1);
    server.end(7);
    server.command_ends(server.last_command());
    server.wait(2s);
    CHECK(server.state("nfsd") == RuleState::exhausted);
    CHECK(server.commands("nfsd: start").empty());
    REQUIRE(server.told(Happening::escalated).size() == 1);
    CHECK(server.told(Happening::escalated).front().reason.starts_with("kernel thread "));
    CHECK(server.all<Signal>().empty());
}

TEST_CASE("a rule finds a kernel thread by a glob over all of its name, however the name changes") {
    auto spec = rule("nfsd4", "kworker/*-nfsd4*");
    spec.match.kernel_thread = true;
    spec.count.min = 0;
    Server server(spec, 0);
    const auto worker = server.thread("kworker/u8:2");
    server.world.at(worker).name = text("kworker/u8:2-nfsd4_callbacks");
    server.snapshot();
    CHECK(server.count("nfsd4") == 1);
    server.world.at(worker).name = text("kworker/u8:2-events_unbound");
    server.snapshot();
    CHECK(server.count("nfsd4") == 0);
}

TEST_CASE("a kernel thread's name is asked for only where a rule may be about it") {
    auto spec = rule("nfsd4", "kworker/*-nfsd4*");
    spec.match.kernel_thread = true;
    Server server(spec, 0);
    const auto needs = [&](const std::string& comm, bool kernel_thread) {
        return server.engine.needs_of(
            SnapshotTask{.process = {.id = {.pid = 77, .start_ns = 1}, .kernel_thread = kernel_thread, .comm = comm}});
    };
    CHECK(needs("kworker/u8:2", true).name);
    CHECK(needs("nfsd", true) == nothing_asked);
    CHECK(needs("kworker/u8:2", false) == nothing_asked);
}

TEST_CASE("the name that was known is dropped with the comm that it began with") {
    auto spec = rule("nfsd4", "kworker/*-nfsd4*");
    spec.match.kernel_thread = true;
    spec.count.min = 0;
    Server server(spec, 0);
    const auto worker = server.thread("kworker/u8:2");
    server.world.at(worker).name = text("kworker/u8:2-nfsd4_callbacks");
    server.snapshot();
    REQUIRE(server.count("nfsd4") == 1);
    server.world.at(worker).name = nullptr;
    server.rename(worker, "kworker/3:1");
    CHECK(server.count("nfsd4") == 0);
}

namespace {

// Rules over kernel threads and processes, with every action there is, as a random configuration has them.
struct Chaos {
    explicit Chaos(std::uint64_t seed) : dice(seed), story(rules(), {.groups = groups()}) {
        story.obedient = true;
        for (std::uint32_t i = 0; i < 12; ++i)
            add();
        story.snapshot();
    }

    void live() {
        for (int step = 0; step < 100; ++step)
            happen();
    }
    [[nodiscard]] std::vector<std::uint32_t> signalled_kernel_threads() const {
        std::vector<std::uint32_t> pids;
        for (const auto& signal : story.all<Signal>())
            if (kernel.contains(signal.id)) pids.push_back(signal.id.pid);
        return pids;
    }

private:
    std::uint32_t up_to(std::uint32_t most) {
        return static_cast<std::uint32_t>(dice() % most);
    }
    template <typename Value> Value one_of(std::initializer_list<Value> values) {
        return values.begin()[up_to(static_cast<std::uint32_t>(values.size()))];
    }
    static std::string comm_of(std::uint32_t number) {
        return fmt::format("t{}", number % 3);
    }
    std::vector<RuleSpec> rules() {
        std::vector<RuleSpec> all;
        for (std::uint32_t i = 0; i < 6; ++i) {
            auto spec = rule(fmt::format("r{}", i), comm_of(i));
            spec.match.kernel_thread = i < 3;
            if (up_to(4) == 0) spec.match = {.kernel_thread = i < 3, .any = true};
            spec.count.min = up_to(3);
            spec.count.max = spec.count.min + up_to(3);
            spec.count.over = one_of({Over::report, Over::stop_newest, Over::restart});
            spec.hang.action = one_of({HangAction::report, HangAction::restart});
            if (up_to(2) == 0)
                spec.restart.command = {"/restart"};
            else if (up_to(3) == 0)
                spec.restart.start = {"/start"};
            else
                spec.restart.stop = {"/stop"}, spec.restart.start = {"/start"};
            spec.restart.kill_after = up_to(3) * 1s; // also none at all
            spec.restart.delay = 500ms;
            spec.restart.settle = 100ms;
            spec.restart.attempts = 1000;
            if (i % 3 != 0) spec.required = {fmt::format("r{}", i - 1)};
            all.push_back(std::move(spec));
        }
        return all;
    }
    std::vector<GroupSpec> groups() {
        const auto policy = one_of({GroupRestart::dependents, GroupRestart::all, GroupRestart::member});
        return {{.name = "both", .members = {"r0", "r1", "r2", "r3", "r4", "r5"}, .restart = policy}};
    }
    void add() {
        const auto id = story.present(comm_of(up_to(3)));
        if (up_to(2) == 0) {
            story.world.at(id).kernel_thread = true;
            kernel.insert(id);
        }
    }
    Identity any() {
        auto at = story.world.begin();
        std::advance(at, up_to(static_cast<std::uint32_t>(story.world.size())));
        return at->first;
    }
    void look() {
        std::vector<ThreadWait> threads;
        for (const auto& [id, process] : story.world) {
            if (up_to(3) != 0) continue;
            ThreadWait wait = WaitBuilder(id).in(one_of({ThreadState::uninterruptible, ThreadState::stopped}));
            wait.off_cpu = 1min;
            wait.kernel_thread = process.kernel_thread;
            threads.push_back(std::move(wait));
        }
        story.tell(WaitsSeen{std::make_shared<const WaitScan>(scan_of(std::move(threads)))});
    }
    void happen() {
        switch (up_to(7)) {
        case 0: add(); break;
        case 1:
            if (story.world.size() > 3) story.exit(any());
            break;
        case 2: look(); break;
        case 3:
            if (!story.all<RunCommand>().empty()) story.command_ends(story.last_command(), static_cast<int>(up_to(2)));
            break;
        case 4: story.wait(up_to(2000) * 1ms); break;
        case 5: (void)story.engine.restart(fmt::format("r{}", up_to(6)), story.now, story.wanted); break;
        default: story.snapshot(); break;
        }
    }

    std::mt19937_64 dice;

public:
    Story story;
    std::set<Identity> kernel;
};

} // namespace

TEST_CASE("whatever happens, and whatever is to be done about it, no kernel thread is ever signalled") {
    constexpr std::uint64_t seeds = 100;
    std::size_t signals = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Chaos chaos(seed);
        chaos.live();
        CAPTURE(seed);
        REQUIRE(chaos.signalled_kernel_threads().empty());
        signals += chaos.story.all<Signal>().size();
    }
    CHECK(signals > seeds); // of processes: it would have been seen
}
