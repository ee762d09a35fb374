#include "handover/group_daemons.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace nezuban::test::daemons {

namespace {

constexpr std::chrono::seconds long_patience{60}; // five services, one after the other, on a busy machine

std::string lab(const std::string& program) {
    return node::source("tests/handover/lab/" + program);
}

// The assignments that lab/daemons-get prints.
const Answer& programs() {
    static const Answer answer = node::run({lab("daemons-get"), build_dir().parent_path() / "lab" / "daemons"}, {},
                                           after(std::chrono::seconds{180}));
    return answer;
}

std::string value_of(const std::string& key) {
    std::istringstream lines(programs().out);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(key + "=")) return line.substr(key.size() + 1);
    throw std::runtime_error("daemons-get does not say where " + key + " is");
}

void must_succeed(int result, const std::string& what) {
    if (result != 0) fail_with_errno(what);
}

std::string end_of(const std::string& text) {
    constexpr std::size_t enough = 2000;
    return text.size() > enough ? "..." + text.substr(text.size() - enough) : text;
}

std::string quoted(const std::string& text) {
    return Json(text).dump(); // TOML's basic strings are written like JSON's
}

} // namespace

std::string why_none() {
    if (node::run({"unshare", "--net", "--ipc", "--pid", "--fork", "true"}).exit_code != 0)
        return "no namespaces may be made (unshare --net --ipc --pid)";
    const auto& answer = programs();
    return answer.exit_code == 0 ? "" : "no PostgreSQL, Redis and nginx: " + answer.out + answer.errors;
}

OwnNetwork::OwnNetwork() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (before_.get() < 0) fail_with_errno("opening the network");
    must_succeed(::unshare(CLONE_NEWNET), "a network of one's own");
    const Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP;
    must_succeed(::ioctl(any.get(), SIOCSIFFLAGS, &loopback), "the loopback device");
}

OwnNetwork::~OwnNetwork() {
    (void)::setns(before_.get(), CLONE_NEWNET); // fails only for want of the privilege that made it
}

// PID 1 of the namespaces is a shell that reaps what is orphaned: PostgreSQL takes a zombie for a rival.
Stack::Stack(const StackOptions& options)
    : namespaces_({"unshare", "--pid", "--ipc", "--fork", "--kill-child", "/bin/bash", "-c",
                   "echo up; while read -r line; do :; done"},
                  {.environment = {}, .directory = {}, .own_errors = false, .ends_with_input = true}),
      daemon_("", "reconcile = \"200ms\"") {
    if (namespaces_.read_line() != "up") throw std::runtime_error("the namespaces don't come up");
    for (const auto* file : {"steps", "hold", "mortal"}) {
        if (options.mortal || std::string_view(file) != "mortal") (void)dir_.write(file, "");
    }
    (void)dir_.write("programs", programs().out);
    (void)node::must({"chmod", "0711", dir_.path()});
    (void)node::must({"chown", "-R", "nobody", dir_.path()});
    for (const auto& service : services)
        (void)step("make", service);
    daemon_.configure(configuration(options));
}

std::vector<std::string> Stack::step_command(const std::string& verb, const std::string& service) const {
    const auto spaces = "/proc/" + std::to_string(namespaces_.pid()) + "/ns/";
    return {"nsenter",
            "--pid=" + spaces + "pid_for_children",
            "--ipc=" + spaces + "ipc",
            lab("daemons-step"),
            verb,
            service,
            dir_.path()};
}

std::string Stack::configuration(const StackOptions& options) const {
    const auto folder = dir_.path().string();
    const auto rule = [&](const std::string& name, const std::string& match, const std::string& keys) {
        return "[[process]]\nname = " + quoted(name) + "\n" + match
               + "\nrestart.start = " + node::command(step_command("start", name)) + "\n" + keys + "\n";
    };
    const auto stop = [&](const std::string& name) {
        return "restart.stop = " + node::command(step_command("stop", name)) + "\n";
    };
    const auto ready = [&](const std::string& name) {
        return "ready.command = " + node::command(step_command("ready", name)) + "\n";
    };
    const auto program = [&](const std::string& role) {
        return "match.comm = \"daemons-app\"\nmatch.args = [\"" + role + "\", " + quoted(folder) + "]";
    };
    std::string text = "[defaults]\nhang.stopped = \"1s\"\nhang.action = \"restart\"\nrestart.kill_after = \"1s\"\n"
                       "restart.settle = \"200ms\"\nrestart.delay = \"100ms\"\nrestart.delay_max = \"200ms\"\n"
                       "ready.every = \"100ms\"\n"
                       + options.keys + "\n";
    text += rule("postgres",
                 "match.exe = " + quoted(value_of("pg_bin") + "/postgres") + "\nmatch.args = [\"-D\", "
                     + quoted(folder + "/postgres") + "]",
                 stop("postgres") + ready("postgres"));
    // Its title is one string, in place of its arguments.
    text += rule("redis", "match.comm = \"redis-server\"\nmatch.args_regex = '^\\S*redis-server " + folder + "/'",
                 stop("redis") + "ready.tcp = \"127.0.0.1:6379\"\n");
    text += rule("app", program("app"), "requires = [\"postgres\", \"redis\"]\nready.tcp = \"127.0.0.1:8000\"\n");
    text += rule("worker", program("worker"), "requires = [\"redis\", \"postgres\"]\n" + ready("worker"));
    // The master and one worker: without its master a worker goes on, and keeps the port.
    text += rule("nginx", "match.exe = " + quoted(folder + "/nginx") + "\ncount.min = 2",
                 stop("nginx") + "requires = [\"app\"]\nready.http = \"http://127.0.0.1:8080/health\"\n");
    text += "[[group]]\nname = " + quoted(group) + "\nmembers = " + node::command(services) + "\n";
    return text + options.more;
}

void Stack::come_up() {
    daemon_.start();
    events_ = std::make_unique<Events>(daemon_);
    (void)await_whole();
    serve();
    (void)steps();
    if (daemon_.ask({"reset", group}).exit_code != 0) throw std::runtime_error("no reset");
}

Fd Stack::hold() const {
    Fd lock(::open(dir_.file("hold").c_str(), O_RDWR | O_CLOEXEC));
    must_succeed(::flock(lock.get(), LOCK_EX), "locking");
    return lock;
}

void Stack::kill(const std::string& service, int signal) const {
    const auto all = pids();
    for (const auto pid : all.at(service)) {
        std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline");
        const std::string title(std::istreambuf_iterator<char>(in), {});
        if (title.starts_with("nginx: worker")) continue;
        if (::kill(pid, signal) != 0) fail_with_errno("signalling " + service);
        return;
    }
    throw std::runtime_error("no process of " + service);
}

Json Stack::await_whole() {
    try {
        return events_->await(
            [](const Json& event) {
                return event["event"] == "recovered" && event["group"] == group
                       && event["rule"].get<std::string>().empty();
            },
            after(long_patience));
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(error.what() + logs());
    }
}

std::vector<Json> Stack::news() {
    std::vector<Json> fresh;
    for (const auto& seen = events_->seen(); events_read_ < seen.size(); ++events_read_)
        fresh.push_back(Json::parse(seen[events_read_]));
    return fresh;
}

std::vector<std::string> Stack::steps() {
    std::vector<std::string> all;
    std::istringstream lines(dir_.read("steps"));
    for (std::string line; std::getline(lines, line);)
        all.push_back(line);
    std::vector<std::string> fresh(all.begin() + static_cast<std::ptrdiff_t>(steps_read_), all.end());
    steps_read_ = all.size();
    return fresh;
}

Json Stack::rule(const std::string& service) const {
    const auto answer = daemon_.ask({"status", "--json", service});
    if (answer.exit_code != 0) throw std::runtime_error("status: " + answer.errors);
    return Json::parse(answer.out).at("rules").at(0);
}

Json Stack::group_status() const {
    const auto answer = daemon_.ask({"status", "--json"});
    if (answer.exit_code != 0) throw std::runtime_error("status: " + answer.errors);
    return Json::parse(answer.out).at("groups").at(0);
}

std::map<std::string, std::set<pid_t>> Stack::pids() const {
    for (const auto deadline = after();;) {
        const auto answer = daemon_.ask({"status", "--json"});
        if (answer.exit_code != 0) throw std::runtime_error("status: " + answer.errors);
        std::map<std::string, std::set<pid_t>> all;
        const auto status = Json::parse(answer.out);
        for (const auto& rule : status.at("rules"))
            all[rule.at("name")] = rule.at("pids").get<std::set<pid_t>>();
        // A connection is called like the server itself until the next reconciliation reads its title.
        if (all.at("postgres").size() <= 1) return all;
        if (Clock::now() > deadline) throw std::runtime_error("more than one server: " + status.dump());
    }
}

std::string Stack::step(const std::string& verb, const std::string& service) const {
    return node::must(step_command(verb, service), after(long_patience));
}

void Stack::serve() const {
    for (const auto& [service, wanted] : {std::pair{"postgres", "1\n"}, std::pair{"redis", "PONG\n"}}) {
        const auto answer = step("ask", service);
        if (answer != wanted) throw std::runtime_error(std::string(service) + " answers " + answer);
    }
    const auto page = step("ask", "nginx");
    if (!page.starts_with("HTTP/1.1 200 ") || !page.ends_with("\r\n\r\n42\n"))
        throw std::runtime_error("nginx answers " + page + logs());
}

std::string Stack::logs() const {
    std::string text = "\nthe daemon's log:\n" + daemon_.log();
    for (const auto* file : {"steps", "pg_ctl.log", "postgres.log", "redis.log", "app.log", "worker.log", "nginx.log"})
        text += std::string("\n") + file + ":\n" + end_of(dir_.read(file));
    return text;
}

} // namespace nezuban::test::daemons
