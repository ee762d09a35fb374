// kill -9 of a watched process -> its restart command running: through the whole daemon, and by a bare program that
// does nothing else. Both start the very same command, in turns.
#include "bench.hpp"
#include "host.hpp"
#include "kill_to_command.hpp"

using namespace nezuban;

namespace {

constexpr int rounds = 200;
constexpr int warm_up = 10;
constexpr const char* service = "nzb-service";

std::string configuration(const bench::Mark& mark) {
    const auto command = mark.command();
    return bench::rule_text(service, fmt::format("restart.command = [\"{}\", \"{}\"]\nrestart.attempts = 1000\n"
                                                 "restart.delay = \"0s\"\nrestart.settle = \"0s\"",
                                                 command.at(0), command.at(1)))
           + bench::rule_text("nzb-absent", "count.min = 0\ncount.max = 10")
           + bench::rule_text("sshd", "count.min = 0\ncount.max = 1000") + bench::runaway_rule();
}

// The next copy is started here and not by the command, so that the command stays the same for both.
double measure_daemon(const test::Daemon& daemon, bench::Mark& mark) {
    auto victim = test::start_program("nzidle", {"--name", service});
    bench::await_rule(daemon, service, [&](const nlohmann::json& rule) {
        return rule["state"] == "ok" && rule["pids"] == nlohmann::json{victim.pid()};
    });
    bench::rest(std::chrono::milliseconds(5));
    return bench::kill_and_await(victim, mark);
}

double measure_rested(const bench::BareWatcher& watcher, bench::Mark& mark) {
    bench::rest(std::chrono::milliseconds(5));
    return bench::measure_bare(watcher, mark);
}

void run() {
    const test::TempDir dir;
    bench::Mark mark(dir.file("mark"));
    const bench::BareWatcher watcher(mark.command());
    auto first = test::start_program("nzidle", {"--name", service});
    test::Daemon daemon(configuration(mark));
    daemon.start();
    first.signal(SIGKILL);
    mark.next_ns();
    first.wait();

    bench::Series subject("nezuban");
    bench::Series bare("bare pidfd watcher");
    for (int round = -warm_up; round < rounds; ++round) {
        double ours = 0;
        double theirs = 0;
        if (round % 2 == 0) {
            ours = measure_daemon(daemon, mark);
            theirs = measure_rested(watcher, mark);
        } else {
            theirs = measure_rested(watcher, mark);
            ours = measure_daemon(daemon, mark);
        }
        if (round < 0) continue;
        subject.add(ours);
        bare.add(theirs);
    }
    bench::print_title("kill -9 -> restart command running");
    bench::print(subject);
    bench::print(bare);
    bench::print_ratio("kill -9 → restart command running, against a bare pidfd watcher", subject, bare, 3);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
