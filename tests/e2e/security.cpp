// What root executes, and who could alter it.
#include "e2e/stage.hpp"
#include "io/alterable.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

using namespace nezuban::test;

namespace {

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Executable, and with this mode.
std::string script_file(const TempDir& dir, const std::string& name, ::mode_t mode, const std::string& text) {
    auto path = dir.write(name, "#!/bin/sh\n" + text + "\n");
    if (::chmod(path.c_str(), mode) != 0) fail_with_errno("chmod " + path);
    return path;
}

bool effective_root(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    std::string key;
    unsigned real = 0;
    unsigned effective = 1;
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        if (words >> key && key == "Uid:") words >> real >> effective;
    }
    return effective == 0;
}

std::string status_line(pid_t pid, const std::string& key) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":")) return line.substr(line.find_last_of(" \t") + 1);
    return "no " + key;
}

} // namespace

#define NEEDS_ROOT()                                                                                                   \
    if (::geteuid() != 0) SKIP("only root is refused");                                                                \
    if (nezuban::insiders().everybody) SKIP("everybody may replace the program here: nobody is a stranger")

TEST_CASE("check: root is refused a command that others could alter, with its place and what would mend it") {
    NEEDS_ROOT();
    const TempDir dir;
    const auto open = script_file(dir, "restart", 0777, "true");
    const auto rule_of = [&](const std::string& argv) { return rule("a", "restart.command = " + argv); };
    Daemon daemon(rule_of(command({open})));
    auto answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 2);
    CHECK(answer.errors
          == daemon.config() + ":8:20: error: restart.command: \"" + open + "\" could be altered by others: " + open
                 + " may be written by everybody (mode 0777) (hint: chmod go-w " + open
                 + ", or script_security = \"warn\" in [daemon])\n");

    daemon.configure(rule_of(command({"/bin/sh", "-e", open})));
    CHECK(mentions(daemon.ask({"check"}).errors, daemon.config() + ":8:35: error: "));

    ::chmod(open.c_str(), 0755);
    answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 0);
    CHECK(answer.errors.empty());
    // Who only looks executes nothing.
    ::chmod(open.c_str(), 0777);
    CHECK(daemon.ask({"events"}).exit_code != 2);
}

TEST_CASE("check: an include that others could alter is refused where it is named, and the main file where it begins") {
    NEEDS_ROOT();
    Daemon daemon(rule("a"));
    const auto drop_in = script_file(daemon.dir(), "drop-in.toml", 0664, "");
    const auto text = daemon.dir().read("nezuban.toml");
    daemon.dir().write("nezuban.toml", "include = [\"drop-in.toml\"]\n" + text);
    CHECK(daemon.ask({"check"}).exit_code == 0); // root's own group
    REQUIRE(::chown(drop_in.c_str(), 0, 54321) == 0);
    auto answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 2);
    CHECK(mentions(answer.errors, daemon.config() + ":1:12: error: " + drop_in));
    CHECK(mentions(answer.errors, "may be written by group 54321"));
    daemon.dir().write("nezuban.toml", "include = [\"drop-in.toml\"]\n[daemon]\nscript_security = \"warn\"\n"
                                           + text.substr(text.find('\n') + 1));
    answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 0);
    CHECK(mentions(answer.errors, daemon.config() + ":1:12: warning: "));

    ::chmod(daemon.config().c_str(), 0666);
    answer = daemon.ask({"check"});
    CHECK(answer.exit_code == 2);
    CHECK(mentions(answer.errors, daemon.config() + ":1:1: error: "));
}

TEST_CASE("check: in a checkout of somebody's, root takes what he who could replace the program could alter") {
    NEEDS_ROOT();
    const TempDir checkout;
    const auto script = script_file(checkout, "restart", 0755, "true");
    const auto config = checkout.write("nezuban.toml", rule("a", "restart.command = " + command({script})));
    const auto program = checkout.file("nezuban");
    std::filesystem::copy_file(nezuban_binary(), program);
    for (const auto& path : {checkout.path().string(), script, config})
        REQUIRE(::chown(path.c_str(), 54321, 54321) == 0);
    const auto check = [&](const std::string& binary) {
        Child child({binary, "check", "-c", config}, {.own_errors = true});
        child.close_input();
        const auto errors = child.errors().rest(after());
        return std::pair(child.wait().exit_code, errors);
    };
    CHECK(check(program) == std::pair(0, std::string()));
    // Another program isn't his.
    const auto [code, errors] = check(nezuban_binary());
    CHECK(code == 2);
    CHECK(mentions(errors, config + ":1:1: error: "));
    CHECK(mentions(errors, "belongs to uid 54321"));
}

TEST_CASE("run: root does not start with a command that others could alter") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    const TempDir dir;
    Daemon daemon(rule("a", "notify.command = " + command({script_file(dir, "notify", 0777, "true")})));
    std::string said;
    try {
        daemon.start();
    } catch (const std::exception& error) {
        said = error.what();
    }
    CHECK(mentions(said, "could be altered by others"));
}

TEST_CASE("reload: a configuration with a command that others could alter changes nothing") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    const TempDir dir;
    const auto name = fresh_name();
    const auto open = script_file(dir, "notify", 0777, "true");
    Daemon daemon(rule(name, "count.min = 0"));
    daemon.start();
    daemon.configure(rule(name, "count.min = 0\ncount.max = 7\nnotify.command = " + command({open})));
    auto answer = daemon.ask({"reload"});
    CHECK(answer.exit_code == 2);
    CHECK(mentions(answer.out + answer.errors, daemon.config() + ":10:19: error: notify.command: "));
    CHECK(rule_status(daemon, name)["max"].is_null());

    ::chmod(open.c_str(), 0755);
    CHECK(daemon.ask({"reload"}).exit_code == 0);
    CHECK(rule_status(daemon, name)["max"] == 7);
}

TEST_CASE("a command that others have come to be able to alter is not executed, and the log says why") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    const TempDir dir;
    const auto name = fresh_name();
    const auto restart = script_file(dir, "restart", 0755, "touch '" + dir.file("executed") + "'");
    const auto keys = "restart.attempts = 1\nrestart.command = " + command({restart});
    Daemon daemon(rule(name, keys));
    auto service = start_program("nzidle", {"--name", name});
    daemon.start();
    ::chmod(restart.c_str(), 0757);

    Events events(daemon);
    service.signal(SIGKILL);
    events.await(name, "restart_failed");

    await_log(daemon, "not executed: " + restart + " could be altered by others: " + restart);
    CHECK_FALSE(std::filesystem::exists(dir.file("executed")));

    // Who has turned that off has turned it off.
    auto again = start_program("nzidle", {"--name", name});
    await_rule(daemon, name, [](const json& rule) { return rule["count"] == 1; });
    daemon.configure(rule(name, keys));
    const auto text = daemon.dir().read("nezuban.toml");
    daemon.dir().write("nezuban.toml", "[daemon]\nscript_security = \"off\"\n" + text.substr(text.find('\n') + 1));
    REQUIRE(daemon.ask({"reload"}).exit_code == 0);
    REQUIRE(daemon.ask({"reset", name}).exit_code == 0);
    again.signal(SIGKILL);
    events.await(name, "restart");
    for (const auto deadline = after(); !std::filesystem::exists(dir.file("executed"));)
        REQUIRE(Clock::now() < deadline);
}

TEST_CASE("run: root does not write into a directory of somebody else's") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    Daemon daemon(rule("a", "count.min = 0"));
    const auto state = daemon.dir().file("state");
    REQUIRE(::mkdir(state.c_str(), 0755) == 0);
    REQUIRE(::chown(state.c_str(), 54321, 54321) == 0);
    std::string said;
    try {
        daemon.start();
    } catch (const std::exception& error) {
        said = error.what();
    }
    CHECK(mentions(said, state + " belongs to uid 54321"));
    CHECK(std::filesystem::is_empty(state));
}

TEST_CASE("nobody but root can read or enter what the daemon keeps and listens on") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0\nhang.heartbeat = \"1h\""));
    daemon.start();
    REQUIRE(daemon.stop().exit_code == 0); // with all that was written
    daemon.start();
    await_log(daemon, "daemon_start");
    const auto mode = [&](const std::string& name) {
        struct stat info{};
        return ::lstat(daemon.dir().file(name).c_str(), &info) == 0 ? info.st_mode & 07777U : 0U;
    };
    CHECK(mode("control.sock") == 0600);
    CHECK(mode("control.health") == 0600);
    CHECK(mode("control.notify") == 0666); // any service may say that it lives; whose word it is, the kernel says
    CHECK(mode("state") == 0750);
    CHECK(mode("state/lock") == 0640);
    CHECK(mode("state/history.db") == 0640);
}

TEST_CASE("by match.exe a stranger's process of that name is not counted, though a setuid program makes it root's") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    // Given a service, and a setuid program under a link that has the service's name
    const TempDir dir;
    const auto name = fresh_name();
    const auto genuine = dir.file(name);
    const auto setuid = dir.file("setuid");
    std::filesystem::create_directory(dir.file("strangers"));
    const auto link = dir.file("strangers/" + name);
    for (const auto& path : {genuine, setuid})
        std::filesystem::copy_file(program("nzidle"), path);
    std::filesystem::create_symlink(setuid, link);
    REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(setuid.c_str(), 04755) == 0);
    auto stranger = start_program("nzidle");
    stranger.ask("setgid 65534");
    stranger.ask("setuid 65534");
    stranger.ask("exec " + link);
    if (!effective_root(stranger.pid()))
        SKIP("no program is setuid here: " + dir.path().string()
             + " is mounted nosuid, or we run without new privileges");

    // when the stranger's process comes first, and one is one too many,
    const auto rule_of = [&](const std::string& rule, const std::string& keys) {
        return "[[process]]\nname = \"" + rule + "\"\nmatch.comm = \"" + name + "\"\ncount.min = 0\n" + keys + "\n";
    };
    Daemon daemon(rule_of("by-user", "match.user = \"root\"")
                  + rule_of("by-exe", "match.user = \"root\"\nmatch.exe = \"" + genuine
                                          + "\"\ncount.max = 1\ncount.over = \"stop-newest\""));
    daemon.start();
    Child service({genuine});
    service.read_line(); // it is ready

    // then his effective uid is all that match.user asks for, but the service alone is counted by its file, and lives.
    const auto seen = await_rule(daemon, "by-user", [](const json& rule) { return rule["count"] == 2; });
    const auto pids = seen["pids"].get<std::vector<pid_t>>();
    CHECK(std::ranges::find(pids, stranger.pid()) != pids.end());
    CHECK(only_pid(rule_status(daemon, "by-exe")) == service.pid());
    CHECK(count_of(daemon, "by-exe", "over") == 0);
}

TEST_CASE("a name that a script was given by somebody does not reach the terminal as it is") {
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    for (const auto* verb : {"pause", "status", "restart"}) {
        const auto answer = daemon.ask({verb, "a\x1b[2J\xc2\x9b"});
        CHECK(answer.exit_code == 1);
        CHECK(mentions(answer.errors, "a\\x1b[2J"));
        CHECK_FALSE(mentions(answer.out + answer.errors, "\x1b"));
        CHECK_FALSE(mentions(answer.out + answer.errors, "\xc2\x9b"));
    }
}

TEST_CASE("the scribe can do nothing to the machine but write files, and no program could give it more") {
    NEEDS_ROOT();
    NEEDS_DAEMON();
    Daemon daemon(rule(fresh_name(), "count.min = 0"));
    daemon.start();
    const auto scribe = await_helper(daemon, "nezuban-scribe");
    constexpr const char* dac_override = "0000000000000002";
    for (const auto* set : {"CapEff", "CapPrm"})
        CHECK(status_line(scribe, set) == dac_override);
    for (const auto* set : {"CapInh", "CapBnd", "CapAmb"})
        CHECK(status_line(scribe, set) == "0000000000000000");
    CHECK(status_line(scribe, "NoNewPrivs") == "1");
    CHECK(status_line(scribe, "Umask") == "0027");
    // Commands have what the daemon has: they restart services.
    CHECK(status_line(await_helper(daemon, "nezuban-spawner"), "CapEff")
          == status_line(daemon.child().pid(), "CapEff"));
}
