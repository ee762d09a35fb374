// A real group of five is restarted, and the daemon is killed at each step of it: the next one finishes what was half
// done, does nothing twice, and nothing out of order. What the commands themselves wrote down is the witness.
#include "e2e/stage.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include <sys/inotify.h>

using namespace nezuban::test;

namespace {

constexpr int services = 5;

// One line of what the commands write down.
struct Entry {
    int service = 0;
    std::string verb; // stop, start
    bool begins = false;
    long pid = 0; // of the command
};

// begin and end are written by the command itself, one write each: their order in the file is that of the world.
constexpr const char* preamble = R"SH(dir=$1 service=$2 name=$3 leash=$4 idle=$5
say() { echo "$service $verb $1 $$ $(date +%s.%N)" >>"$dir/diary"; }
)SH";
constexpr const char* stop_script = R"SH(verb=stop
say begin
sleep 0.05
pid=$(tr -dc 0-9 <"$dir/$name")
kill "$pid"
while [ -e "/proc/$pid/stat" ] && ! grep -qs ') Z' "/proc/$pid/stat"; do sleep 0.01; done
sleep 0.02
say end
)SH";
constexpr const char* start_script = R"SH(verb=start
say begin
sleep 0.05
: >"$dir/$name"
"$idle" --detach --leash "$leash" --life 600 --name "$name" >"$dir/$name"
until [ -s "$dir/$name" ]; do sleep 0.01; done
sleep 0.02
say end
)SH";

class Five {
public:
    Five() : leash_(dir_.file("leash")), daemon_("") {
        dir_.write("diary", "");
        dir_.write("stop", std::string(preamble) + stop_script);
        dir_.write("start", std::string(preamble) + start_script);
        watch_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        if (::inotify_add_watch(watch_.get(), dir_.file("diary").c_str(), IN_MODIFY) < 0)
            fail_with_errno("watching the diary");
        std::string text;
        std::string members;
        for (int i = 0; i < services; ++i) {
            names_.push_back(fresh_name());
        }
        // The dependents first: what is configured when is no help.
        for (int i = services - 1; i >= 0; --i) {
            std::string keys = "restart.stop = " + command_of("stop", i) + "\nrestart.start = " + command_of("start", i)
                               + "\nrestart.settle = \"0s\"\nrestart.delay = \"0s\"\nrestart.attempts = 1000\n";
            if (i > 0) keys += "requires = [\"" + names_[static_cast<std::size_t>(i) - 1] + "\"]\n";
            text += rule(names_[static_cast<std::size_t>(i)], keys);
            members += (members.empty() ? "\"" : ", \"") + names_[static_cast<std::size_t>(i)] + "\"";
        }
        daemon_.configure(text + "[[group]]\nname = \"five\"\nmembers = [" + members + "]\n");
        daemon_.start();
        await_all_well();
    }

    Daemon& daemon() {
        return daemon_;
    }

    // A round: the first service is killed, and the group with it restarted. at: called when that is under way.
    void round(const std::function<void()>& at, int signal, const std::string& what) {
        INFO("killed at: " << what);
        begun_ = diary_text().size();
        const auto before = rule_status(daemon_, names_[0])["restart"]["attempts_used"].get<int>();
        REQUIRE(::kill(only_pid(rule_status(daemon_, names_[0])), SIGKILL) == 0);
        at();
        daemon_.stop(signal);
        daemon_.start();
        await_all_well();
        check(diary());
        CHECK(rule_status(daemon_, names_[0])["restart"]["attempts_used"] == before + 1);
        for (std::size_t i = 1; i < names_.size(); ++i) {
            CHECK(rule_status(daemon_, names_[i])["restart"]["attempts_used"] == 0);
        }
    }

    // Returns when the diary of this round holds it.
    void await(const std::string& beginning) {
        for (const auto deadline = after();;) {
            const auto text = "\n" + diary_text().substr(begun_);
            if (text.find("\n" + beginning + " ") != std::string::npos) return;
            if (!wait_readable(watch_.get(), deadline))
                throw std::runtime_error("no '" + beginning + "' in:" + text + "\nlog:\n" + daemon_.log());
            char changes[4096];
            (void)!::read(watch_.get(), changes, sizeof changes);
        }
    }

private:
    [[nodiscard]] std::string command_of(const std::string& verb, int service) const {
        return command({"/bin/sh", dir_.file(verb), dir_.path().string(), std::to_string(service),
                        names_[static_cast<std::size_t>(service)], leash_.path(), program("nzidle")});
    }

    [[nodiscard]] std::string diary_text() const {
        return dir_.read("diary");
    }

    [[nodiscard]] std::vector<Entry> diary() const {
        std::vector<Entry> entries;
        std::istringstream lines(diary_text().substr(begun_));
        for (std::string line; std::getline(lines, line);) {
            Entry entry;
            std::string what;
            std::istringstream(line) >> entry.service >> entry.verb >> what >> entry.pid;
            entry.begins = what == "begin";
            entries.push_back(entry);
        }
        return entries;
    }

    void await_all_well() {
        for (const auto deadline = after();;) {
            const auto status = status_of(daemon_);
            bool well = status["groups"][0]["state"] == "ok" && status["groups"][0]["root_cause"].is_null();
            for (const auto& rule : status["rules"]) {
                well = well && rule["state"] == "ok" && rule["pids"].size() == 1;
            }
            if (well) return;
            if (Clock::now() > deadline)
                throw std::runtime_error("it did not get well: " + status.dump(1) + "\n" + diary_text().substr(begun_)
                                         + daemon_.log());
        }
    }

    void check(const std::vector<Entry>& entries) {
        INFO(diary_text().substr(begun_));
        std::map<int, long> under_way; // by service: its command
        std::map<std::pair<int, std::string>, int> begun;
        std::map<std::pair<int, std::string>, int> ended;
        for (const auto& entry : entries) {
            INFO(entry.service << " " << entry.verb << std::string(entry.begins ? " begin" : " end"));
            const std::pair key(entry.service, entry.verb);
            if (!entry.begins) {
                CHECK(under_way[entry.service] == entry.pid);
                under_way.erase(entry.service);
                ++ended[key];
                continue;
            }
            CHECK_FALSE(under_way.contains(entry.service)); // nothing overlaps
            under_way[entry.service] = entry.pid;
            CHECK(++begun[key] == 1); // nothing is doubled
            if (entry.verb == "stop") {
                for (int above = entry.service + 1; above < services; ++above) {
                    CHECK(ended[{above, "stop"}] == 1);
                }
            } else {
                for (int above = 1; above < services; ++above) {
                    CHECK(ended[{above, "stop"}] == 1);
                }
                for (int below = 0; below < entry.service; ++below) {
                    CHECK(ended[{below, "start"}] == 1);
                }
            }
        }
        CHECK(under_way.empty());
        for (int i = 0; i < services; ++i) {
            CHECK(ended[{i, "start"}] == 1);
            CHECK(ended[{i, "stop"}] == (i == 0 ? 0 : 1)); // the first had fallen
            const auto line = dir_.read(names_[static_cast<std::size_t>(i)]);
            CHECK(only_pid(rule_status(daemon_, names_[static_cast<std::size_t>(i)])) == number_in(line, "pid"));
        }
    }

    TempDir dir_;
    Leash leash_;
    std::vector<std::string> names_;
    Fd watch_;
    std::size_t begun_ = 0; // where this round's diary begins
    Daemon daemon_;
};

// In the order in which a restart takes them.
std::vector<std::string> steps() {
    std::vector<std::string> all;
    for (int i = services - 1; i > 0; --i) {
        all.push_back(std::to_string(i) + " stop begin");
        all.push_back(std::to_string(i) + " stop end");
    }
    for (int i = 0; i < services; ++i) {
        all.push_back(std::to_string(i) + " start begin");
        all.push_back(std::to_string(i) + " start end");
    }
    return all;
}

} // namespace

TEST_CASE("killed at each step of a group's restart: the next daemon finishes it, in order, nothing twice") {
    NEEDS_DAEMON();
    Five five;
    for (const auto& step : steps()) {
        five.round([&] { five.await(step); }, SIGKILL, step);
    }
}

TEST_CASE("ended by the service manager in the middle of a group's restart: the next daemon finishes it") {
    NEEDS_DAEMON();
    Five five;
    for (const auto* step : {"4 stop begin", "2 stop end", "0 start begin", "1 start end", "3 start begin"}) {
        five.round([&] { five.await(step); }, SIGTERM, step);
    }
}

TEST_CASE("killed at any instant of a group's restart: the next daemon finishes it") {
    NEEDS_DAEMON();
    Five five;
    std::mt19937 dice(20);
    for (int i = 0; i < 20; ++i) {
        // No event to wait for: the instants between the steps are the point.
        const auto instant = std::chrono::microseconds(dice() % 1'200'000);
        five.round([&] { std::this_thread::sleep_for(instant); }, SIGKILL, std::to_string(instant.count()) + " us");
    }
}
