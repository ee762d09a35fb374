#include "cli/verbs.hpp"
#include "control/health_reader.hpp"
#include "control/server.hpp"
#include "io/clock.hpp"
#include "io/shared_page.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <sstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;
using Verb = Request::Verb;

namespace {

// A daemon that gives one answer, whatever it is asked.
class Daemon {
public:
    Daemon(std::string path, Response response) : loop_(std::move(*Loop::create())) {
        auto server = Server::listen(loop_, std::move(path),
                                     [this, response](const Request& request, const Server::Reply& reply) {
                                         asked = request;
                                         reply(response);
                                     });
        REQUIRE(server.has_value());
        server_ = std::move(*server);
        thread_ = std::thread([this] {
            while (!stop_ && loop_.step(monotonic_now() + 2ms)) {
            }
        });
    }
    ~Daemon() {
        stop_ = true;
        thread_.join();
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    Request asked; // to be read after the answer

private:
    Loop loop_;
    std::unique_ptr<Server> server_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

struct Desk {
    test::TempDir directory;
    Options options;
    std::ostringstream out;
    std::ostringstream err;

    Desk() {
        options.socket = directory.file("control.sock");
    }
    int ask(Verb verb) {
        return run_ask(verb, options, out, err);
    }
};

// What a daemon would have published, by this process.
struct Published {
    SharedPage page;

    Published(const std::string& socket, std::string_view text)
        : page(std::move(*SharedPage::create(health_path(socket), text.size()))) {
        page.beat(monotonic_now());
        REQUIRE(page.publish(text).has_value());
    }
};

Response answering(std::vector<std::string> lines, std::string json = {}) {
    return {.ok = true, .error = {}, .exit_code = 0, .json = std::move(json), .lines = std::move(lines)};
}

} // namespace

TEST_CASE("what the daemon says is printed, for people or for machines") {
    Desk desk;
    const Daemon daemon(*desk.options.socket, answering({"one", "two"}, "{\"version\":1}"));
    CHECK(desk.ask(Verb::status) == 0);
    CHECK(desk.out.str() == "one\ntwo\n");

    desk.out.str({});
    desk.options.json = true;
    CHECK(desk.ask(Verb::status) == 0);
    CHECK(desk.out.str() == "{\"version\":1}\n");
    CHECK(desk.err.str().empty());
}

TEST_CASE("a name and a time reach the daemon") {
    Desk desk;
    const Daemon daemon(*desk.options.socket, answering({"scanner: paused"}));
    desk.options.names = {"scanner"};
    desk.options.hold = 10min;
    CHECK(desk.ask(Verb::pause) == 0);
    CHECK(daemon.asked.verb == Verb::pause);
    CHECK(daemon.asked.names == desk.options.names);
    CHECK(daemon.asked.hold == 10min);
}

TEST_CASE("what the daemon refuses goes to standard error, with its exit code") {
    Desk desk;
    auto refused = refusal("nezuban.toml has errors; nothing was changed", 2);
    refused.lines = {"nezuban.toml:1:1: error: x"};
    const Daemon daemon(*desk.options.socket, refused);
    CHECK(desk.ask(Verb::reload) == 2);
    CHECK(desk.out.str().empty());
    CHECK(desk.err.str() == "nezuban.toml:1:1: error: x\nnezuban: nezuban.toml has errors; nothing was changed\n");
}

TEST_CASE("without a daemon the verbs end with 3 and say why") {
    Desk desk;
    CHECK(desk.ask(Verb::status) == 3);
    CHECK(desk.err.str().starts_with("nezuban: the daemon is not running: "));
}

TEST_CASE("health prints one line and ends with the code of its style") {
    Desk desk;
    const Published page(*desk.options.socket, "rule\tscanner\texhausted\t0\t1\t-\tfailed\tgone\nend\n");
    desk.options.style = HealthStyle::nagios;
    desk.options.names = {"scanner"};
    CHECK(run_health(desk.options, desk.out) == 2);
    CHECK(desk.out.str() == "CRITICAL scanner: gone|'scanner'=0;;;0\n");

    desk.out.str({});
    desk.options.json = true;
    CHECK(run_health(desk.options, desk.out) == 2);
    CHECK(desk.out.str()
          == R"({"style":"nagios","exit_code":2,"line":"CRITICAL scanner: gone|'scanner'=0;;;0"})"
             "\n");
}

TEST_CASE("health finds the page through the configuration when it isn't told the socket") {
    Desk desk;
    const Published page(*desk.options.socket, "end\n");
    desk.options.config = desk.directory.write("n.toml", "[daemon]\nsocket = \"" + *desk.options.socket + "\"\n");
    desk.options.socket.reset();
    CHECK(run_health(desk.options, desk.out) == 0);
    CHECK(desk.out.str() == "ok: 0 rules\n");
}

TEST_CASE("health without a daemon, or with one that hangs, can't tell") {
    Desk desk;
    CHECK(run_health(desk.options, desk.out) == 2);
    CHECK(desk.out.str().starts_with("cannot tell: the daemon is not running: "));
    desk.options.style = HealthStyle::ocf;
    CHECK(run_health(desk.options, desk.out) == 1);

    Published page(*desk.options.socket, "end\n");
    page.page.beat(monotonic_now() - 1h);
    desk.out.str({});
    desk.options.style = HealthStyle::lsb;
    CHECK(run_health(desk.options, desk.out) == 4);
    CHECK(desk.out.str().starts_with("cannot tell: the daemon has not turned for 360"));
}

TEST_CASE("the socket is the one given, else that of the configuration, be it otherwise broken") {
    const test::TempDir directory;
    Options options;
    options.config = directory.write("n.toml", "[daemon]\nsocket = \"/run/other.sock\"\n[[process]]\nname = 7\n");
    CHECK(daemon_of(options).socket == "/run/other.sock");
    options.socket = "/run/mine.sock";
    CHECK(daemon_of(options).socket == "/run/mine.sock");
}

TEST_CASE("where a configuration that can't be read has its daemon isn't guessed: another one would be asked") {
    const test::TempDir directory;
    Options options;
    for (const auto& config : {directory.file("missing.toml"), directory.write("garbage.toml", "[daemon\n")}) {
        options.config = config;
        options.socket.reset();
        CHECK_THROWS_WITH(daemon_of(options), doctest::Contains((config + ":1:").c_str()));
        CHECK_THROWS_WITH(daemon_of(options), doctest::Contains("where its daemon listens isn't known: say --socket"));
        options.style = HealthStyle::lsb;
        std::ostringstream out;
        CHECK(run_health(options, out) == 4);
        CHECK(out.str().starts_with("cannot tell: "));
        options.socket = "/run/mine.sock";
        CHECK(daemon_of(options).socket == "/run/mine.sock");
    }
}

TEST_CASE("check prints what is wrong to standard error and what is right to standard output") {
    const test::TempDir directory;
    Options options;
    std::ostringstream out;
    std::ostringstream err;
    options.config = directory.write("good.toml", "[[process]]\nname = \"a\"\nmatch.comm = \"a\"\n");
    CHECK(run_check(options, out, err) == 0);
    CHECK(out.str() == options.config + ": 1 rule, 0 groups: ok\n");
    CHECK(err.str().empty());

    out.str({});
    options.config = directory.write("bad.toml", "[[process]]\nname = \"a\"\nmatch.com = \"a\"\n");
    CHECK(run_check(options, out, err) == 2);
    CHECK(out.str().empty());
    CHECK(err.str().starts_with(options.config + ":3:"));

    options.json = true;
    err.str({});
    CHECK(run_check(options, out, err) == 2);
    CHECK(err.str().empty());
    CHECK(out.str().starts_with("[{\"file\":\"" + options.config + "\",\"line\":3,"));
}
