// The three modes beside each other, on one kernel: they end with the same counts.
#include "live/lab.hpp"

#include <csignal>
#include <map>
#include <set>

using namespace nezuban;
using namespace nezuban::test;

namespace {

const Features& without(const std::string& names) {
    static std::map<std::string, Features> known;
    const auto found = known.find(names);
    return found != known.end() ? found->second
                                : known.emplace(names, probe_features(parse_without(names).value())).first->second;
}

std::set<std::uint32_t> sorted(const std::vector<std::uint32_t>& pids) {
    return {pids.begin(), pids.end()};
}

std::vector<RuleSpec> rules() {
    return {rule_of("kept", {.comm = "nzmodes-k"}), rule_of("churned", {.comm = "nztrue"}),
            rule_of("by-path", {.exe = program("nzsleepers")})};
}

} // namespace

TEST_CASE("whatever comes and goes, all three modes end with the same processes") {
    NEEDS_BPF();
    if (test::features().mode != Mode::bpf) SKIP("BPF is left out: nothing to compare with");
    if (without("bpf").mode != Mode::connector) SKIP("not on this kernel: the process connector doesn't answer");
    // Given three who watch, and some who were there before,
    auto before = start_program("nzsleepers", {"20", "--name", "nzmodes-k"});
    Lab bpf(rules());
    Lab connector(rules(), 4U << 20U, without("bpf"));
    Lab polling(rules(), 4U << 20U, without("bpf,connector"));

    // when many come and go while they look,
    Child churn({program("nzchurn"), "2", "--threads", "200"}, {.ends_with_input = true});
    auto first = start_program("nzsleepers", {"60", "--name", "nzmodes-k"});
    auto second = start_program("nzsleepers", {"60", "--name", "nzmodes-k"});
    while (!wait_readable(churn.pidfd(), Clock::now())) {
        for (auto* lab : {&bpf, &connector, &polling})
            lab->pump_until([] { return true; });
    }
    churn.wait();
    first.close_input();
    first.wait();

    // then each knows who is left: the first twenty and the last sixty.
    for (auto* lab : {&bpf, &connector, &polling}) {
        // The last ones, and the two that made them.
        lab->pump_until([&] { return lab->pids(0).size() == 80 && lab->pids(1).empty() && lab->pids(2).size() == 82; });
    }
    CHECK(sorted(connector.pids(0)) == sorted(bpf.pids(0)));
    CHECK(sorted(polling.pids(0)) == sorted(bpf.pids(0)));
    CHECK(sorted(connector.pids(2)) == sorted(bpf.pids(2)));
    CHECK(sorted(polling.pids(2)) == sorted(bpf.pids(2)));
}

TEST_CASE("many threads that are killed together are one death for the process connector too") {
    NEEDS_BPF();
    if (without("bpf").mode != Mode::connector) SKIP("not on this kernel: the process connector doesn't answer");
    Lab lab({rule_of("threads", {.comm = "nzmodes-t"})}, 4U << 20U, without("bpf"));
    for (int round = 0; round < 20; ++round) {
        auto many = start_program("nzstuck", {"threads", "30", "--name", "nzmodes-t"});
        lab.await_counted(many.pid());
        const auto pid = static_cast<std::uint32_t>(many.pid());
        many.signal(SIGKILL);

        CHECK(lab.await_exit(many.pid()).cause == Cause{.signal = SIGKILL, .known = true});
        lab.compare(); // whatever else is told of it has come by now
        CHECK(std::ranges::count_if(lab.events(),
                                    [pid](const Event& event) {
                                        const auto* exit = std::get_if<Exited>(&event);
                                        return exit != nullptr && exit->id.pid == pid;
                                    })
              == 1);
        CHECK(lab.pids().empty());
    }
}

TEST_CASE("our own name, said again, comes back through the process connector: the watchdog's proof") {
    NEEDS_BPF();
    if (without("bpf").mode != Mode::connector) SKIP("not on this kernel: the process connector doesn't answer");
    Lab lab({}, 4U << 20U, without("bpf"));
    char name[16] = {};
    REQUIRE(prctl(PR_GET_NAME, name) == 0);
    REQUIRE(prctl(PR_SET_NAME, name) == 0);
    const auto self = static_cast<std::uint32_t>(getpid());
    const auto change = lab.await<Changed>([&](const Changed& event) { return event.process.id.pid == self; });
    CHECK(change.process.comm == name);
}
