// What an operator and a cluster ask, and what anybody else may throw at the socket.
#include "e2e/stage.hpp"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>

#include <sys/socket.h>
#include <sys/un.h>

using namespace nezuban::test;

namespace {

// style -> exit code
using Codes = std::map<std::string, int>;

const Codes healthy{{"clusterpro", 0}, {"ocf", 0}, {"nagios", 0}, {"keepalived", 0}, {"lsb", 0}};
const Codes failed{{"clusterpro", 1}, {"ocf", 1}, {"nagios", 2}, {"keepalived", 1}, {"lsb", 1}};
const Codes mending{{"clusterpro", 0}, {"ocf", 0}, {"nagios", 1}, {"keepalived", 0}, {"lsb", 0}};
const Codes absent{{"clusterpro", 0}, {"ocf", 7}, {"nagios", 0}, {"keepalived", 0}, {"lsb", 3}};
const Codes no_daemon{{"clusterpro", 2}, {"ocf", 1}, {"nagios", 3}, {"keepalived", 1}, {"lsb", 4}};
const Codes no_name{{"clusterpro", 2}, {"ocf", 2}, {"nagios", 3}, {"keepalived", 1}, {"lsb", 4}};

Codes health_of(const Daemon& daemon, const std::string& name) {
    Codes codes;
    for (const auto& [style, code] : healthy) {
        const auto answer = daemon.ask({"health", name, "--style=" + style});
        CHECK(std::ranges::count(answer.out, '\n') == 1);
        if (style == "nagios") CHECK(answer.out.find_first_of("OWCU") == 0);
        codes[style] = answer.exit_code;
    }
    return codes;
}

Fd connect_to(const std::string& path) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail_with_errno("connecting to " + path);
    return fd;
}

// What comes back; the other side may have closed before it had read everything.
std::string exchange(const std::string& path, const std::string& bytes) {
    Fd fd = connect_to(path);
    for (std::size_t sent = 0; sent < bytes.size();) {
        const auto some = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (some < 0) break;
        sent += static_cast<std::size_t>(some);
    }
    ::shutdown(fd.get(), SHUT_WR);
    try {
        return LineReader(std::move(fd)).rest(after());
    } catch (const std::system_error&) {
        return {}; // a connection reset
    }
}

} // namespace

TEST_CASE("status --json has the shape that scripts rely on") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const auto group = fresh_name();
    Daemon daemon(rule(name, "count.max = 5\nrestart.command = [\"/bin/true\"]") + "[[group]]\nname = \"" + group
                  + "\"\nmembers = [\"" + name + "\"]\n");
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();

    const auto status = status_of(daemon);
    CHECK(status["version"] == 1);
    const auto& own = status["daemon"];
    CHECK(own["pid"] == daemon.child().pid());
    CHECK(own["uptime_s"].is_number());
    CHECK(own["mode"] == nezuban::name_of(features().mode));
    for (const auto* key : {"events_received", "events_lost", "resyncs"})
        CHECK(own[key].is_number_unsigned());
    REQUIRE(status["rules"].size() == 1);
    const auto& rule = status["rules"][0];
    CHECK(rule["name"] == name);
    CHECK(rule["kind"] == "process");
    CHECK(rule["state"] == "ok");
    CHECK(rule["count"] == 1);
    CHECK(rule["min"] == 1);
    CHECK(rule["max"] == 5);
    CHECK(rule["pids"] == json::array({service.pid()}));
    CHECK(rule["findings"] == json::array());
    CHECK(rule["restart"]["attempts_used"] == 0);
    CHECK(rule["restart"]["attempts"] == 3);
    CHECK(rule["restart"]["next_at"].is_null());
    REQUIRE(status["groups"].size() == 1);
    CHECK(status["groups"][0]["name"] == group);
    CHECK(status["groups"][0]["state"] == "ok");
    CHECK(status["groups"][0]["root_cause"].is_null());

    const auto text = daemon.ask({"status"});
    CHECK(text.exit_code == 0);
    CHECK(text.out.find(name) != std::string::npos);
}

TEST_CASE("health answers in every style, whatever the case") {
    NEEDS_DAEMON();
    const auto well = fresh_name();
    const auto lost = fresh_name();
    const auto busy = fresh_name();
    const auto none = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(well) + rule(none, "count.min = 0")
                  + rule(lost, "restart.attempts = 1\nrestart.settle = \"0s\"\nrestart.command = [\"/bin/false\"]")
                  + rule(busy, "restart.command = " + command({program("nzidle"), "--leash", leash.path()})));
    auto service = start_program("nzidle", {"--name", well});

    CHECK(health_of(daemon, well) == no_daemon);
    daemon.start();
    Events events(daemon);
    events.await(lost, "escalated");
    CHECK(health_of(daemon, well) == healthy);
    CHECK(health_of(daemon, lost) == failed);
    CHECK(health_of(daemon, busy) == mending);
    CHECK(health_of(daemon, none) == absent);
    CHECK(health_of(daemon, "nze2e-nobody") == no_name);
    const auto nagios = daemon.ask({"health", well, "--style=nagios"});
    CHECK(nagios.out.starts_with("OK "));
    CHECK(nagios.out.find("|'" + well + "'=1;") != std::string::npos);
    const auto as_json = daemon.ask({"health", well, "--json"});
    CHECK(json::parse(as_json.out)["exit_code"] == 0);

    // A daemon that stands still isn't waited for.
    daemon.child().signal(SIGSTOP);
    CHECK(health_of(daemon, well) == no_daemon);
    daemon.child().signal(SIGCONT);
    CHECK(health_of(daemon, well) == healthy);

    daemon.stop();
    CHECK(health_of(daemon, well) == no_daemon);
}

TEST_CASE("a paused rule is watched but left alone, until it is resumed") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    Daemon daemon(rule(name, "restart.command = " + command(detached(name, leash)) + "\nrestart.settle = \"0s\""));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    Events events(daemon);

    CHECK(daemon.ask({"pause", name}).exit_code == 0);
    events.await(name, "paused");
    service.signal(SIGKILL);
    events.await(name, "exit");
    CHECK(rule_status(daemon, name)["state"] == "paused");
    CHECK(daemon.ask({"health", name}).exit_code == 0);

    CHECK(daemon.ask({"resume", name}).exit_code == 0);
    events.await(name, "resumed");
    events.await(name, "recovered");
    CHECK(rule_status(daemon, name)["state"] == "ok");
}

TEST_CASE("pause --for ends by itself") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    Events events(daemon);

    CHECK(daemon.ask({"pause", name, "--for", "200ms"}).exit_code == 0);

    const auto began = nanoseconds_of(events.await(name, "paused"));
    CHECK(nanoseconds_of(events.await(name, "resumed")) - began >= 200'000'000);
}

TEST_CASE("names that are not known are said to be so") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    for (const auto* verb : {"status", "pause", "resume", "restart", "reset"}) {
        CAPTURE(verb);
        const auto answer = daemon.ask({verb, name + "x"});
        CHECK(answer.exit_code == 1);
        CHECK(answer.errors.find(name + "x") != std::string::npos);
        CHECK(answer.errors.find(name) != std::string::npos);
    }
    CHECK(daemon.ask({"pause"}).exit_code == 2);
    CHECK(daemon.ask({"restart", name}).exit_code == 1); // there is no command to restart it with
    CHECK(daemon.ask({"stauts"}).exit_code == 2);
    CHECK(daemon.ask({"status", "--jsno"}).exit_code == 2);
}

TEST_CASE("verbs that need the daemon say that there is none") {
    const Daemon daemon("");
    for (const auto& verb : std::vector<std::vector<std::string>>{
             {"status"}, {"reload"}, {"pause", "x"}, {"resume", "x"}, {"restart", "x"}, {"reset", "x"}}) {
        CAPTURE(verb.front());
        const auto answer = daemon.ask(verb);
        CHECK(answer.exit_code == 3);
        CHECK(answer.errors.find("not running") != std::string::npos);
    }
}

TEST_CASE("garbage, half and huge requests hurt nobody") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();

    for (const auto& request :
         {std::string("hello\n"), std::string("{}\n"), std::string("{\"verb\":\"status\""),
          std::string(300, '[') + "\n", std::string("\0\xff\xfe\n", 4), std::string("{\"verb\":7,\"names\":{}}\n"),
          std::string("{\"verb\":\"pause\",\"names\":[\"" + name + "\"],\"for_ms\":-1}\n"),
          std::string("{\"verb\":\"health\",\"names\":[],\"style\":\"x\"}\n")}) {
        CAPTURE(request);
        const auto answer = json::parse(exchange(daemon.socket(), request));
        CHECK(answer["ok"] == false);
        CHECK(answer["error"].get<std::string>() != "");
    }
    exchange(daemon.socket(), std::string(2 << 20, 'x'));
    exchange(daemon.socket(), "");
    // Many who connect and say nothing, and one who says half of it: the next one is served all the same.
    std::vector<Fd> silent;
    for (int i = 0; i < 40; ++i)
        silent.push_back(connect_to(daemon.socket()));
    (void)!::write(silent.front().get(), "{\"verb\"", 7);

    CHECK(rule_status(daemon, name)["state"] == "ok");
    CHECK(daemon.ask({"health"}).exit_code == 0);
}

TEST_CASE("who is not root is refused") {
    NEEDS_DAEMON();
    const auto name = fresh_name();
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    // A copy, because the way to ours may be closed to others.
    std::filesystem::copy_file(nezuban_binary(), daemon.dir().file("nezuban"));
    std::filesystem::permissions(daemon.dir().path(), std::filesystem::perms(0755));
    std::filesystem::permissions(daemon.config(), std::filesystem::perms(0644));
    const auto as_nobody = [&](std::vector<std::string> verb) {
        std::vector<std::string> argv{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                      daemon.dir().file("nezuban")};
        argv.insert(argv.end(), verb.begin(), verb.end());
        argv.insert(argv.end(), {"-c", daemon.config()});
        Child child(argv, {.directory = "/", .own_errors = true});
        child.close_input();
        const auto errors = child.errors().rest(after());
        child.read_rest();
        CAPTURE(verb.front());
        CAPTURE(errors);
        CHECK(child.wait().exit_code == 4);
    };

    as_nobody({"status"});
    as_nobody({"reload"});
    as_nobody({"pause", name});
    as_nobody({"events"});
    as_nobody({"match"});
    as_nobody({"doctor"});
    as_nobody({"record", "/dev/null"});
    as_nobody({"run"});
    // A socket whose mode was opened by mistake doesn't help: the daemon asks the kernel who it is.
    std::filesystem::permissions(daemon.socket(), std::filesystem::perms(0777));
    as_nobody({"status"});
    as_nobody({"pause", name});
    CHECK(rule_status(daemon, name)["state"] == "ok");
}
