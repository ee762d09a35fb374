// Groups, with services that everybody knows: who falls is mended with those that require it, in order, and named.
#include "handover/group_daemons.hpp"

#include <algorithm>
#include <csignal>

using namespace nezuban::test;
using namespace nezuban::test::daemons;

#define NEEDS_SERVICES()                                                                                               \
    NEEDS_DAEMON();                                                                                                    \
    if (const auto why = why_none(); !why.empty()) SKIP(why)

namespace {

using Steps = std::vector<std::string>;

struct Kin {
    std::vector<std::string> required; // directly
    Names above;                       // all that require it
};

const std::map<std::string, Kin>& kin() {
    static const std::map<std::string, Kin> all{
        {"postgres", {{}, {"app", "worker", "nginx"}}},
        {"redis", {{}, {"app", "worker", "nginx"}}},
        {"app", {{"postgres", "redis"}, {"nginx"}}},
        {"worker", {{"postgres", "redis"}, {}}},
        {"nginx", {{"app"}, {}}},
    };
    return all;
}

std::ptrdiff_t count(const Steps& steps, const std::string& step) {
    return std::ranges::count(steps, step);
}

std::ptrdiff_t position(const Steps& steps, const std::string& step) {
    return std::ranges::find(steps, step) - steps.begin();
}

std::string told(const std::vector<Json>& news) {
    std::string text;
    for (const auto& event : news)
        text += "\n  " + event.dump();
    return text;
}

bool is_one_of(const Json& event, const Names& kinds) {
    return kinds.contains(event.at("event").get<std::string>());
}

// Each once, after what it requires; what was stopped was stopped before that, and nobody else was touched.
void check_order(const Steps& steps, const Names& restarted) {
    CAPTURE(Json(steps).dump());
    for (const auto& service : services) {
        CAPTURE(service);
        CHECK(count(steps, "start " + service) == (restarted.contains(service) ? 1 : 0));
        CHECK(count(steps, "stop " + service) <= (restarted.contains(service) ? 1 : 0));
        for (const auto& needed : kin().at(service).required) {
            if (!restarted.contains(service) || !restarted.contains(needed)) continue;
            CHECK(position(steps, "start " + needed) < position(steps, "start " + service));
            if (count(steps, "stop " + service) == 1)
                CHECK(position(steps, "stop " + service) < position(steps, "start " + needed));
            if (count(steps, "stop " + service) == 1 && count(steps, "stop " + needed) == 1)
                CHECK(position(steps, "stop " + service) < position(steps, "stop " + needed));
        }
    }
}

// Of what was told between a fall and its end: one restart for each, and everybody names the cause.
void check_roles(const std::vector<Json>& news, const std::string& cause, const Names& restarted) {
    CAPTURE(told(news));
    for (const auto& service : services) {
        CAPTURE(service);
        CHECK(std::ranges::count_if(
                  news, [&](const Json& event) { return event["rule"] == service && event["event"] == "restart"; })
              == (restarted.contains(service) ? 1 : 0));
    }
    for (const auto& event : news) {
        if (!is_one_of(event, {"under", "hang", "restart", "recovered", "restart_failed"})) continue;
        if (event["rule"].get<std::string>().empty()) continue;                            // of the group
        if (event["event"] == "recovered" && event["evidence"].contains("kind")) continue; // of a hang, by its end
        CAPTURE(event.dump());
        CHECK(restarted.contains(event["rule"].get<std::string>()));
        CHECK(event["group"] == group);
        CHECK(event["evidence"].value("root_cause", "") == cause);
        CHECK(event["evidence"].value("role", "") == (event["rule"] == cause ? "root cause" : "consequence"));
    }
}

// From a fall to its end; happening: how it is told.
void fall_and_rise(Stack& stack, const std::string& service, int signal, const std::string& happening) {
    CAPTURE(service);
    auto restarted = kin().at(service).above;
    const auto consequences = restarted;
    restarted.insert(service);
    (void)stack.news();
    (void)stack.steps();
    const auto before = stack.pids();

    auto hold = stack.hold();
    stack.kill(service, signal);

    // The first word about it names it,
    const auto first = stack.events().await(service, happening);
    CHECK(first["evidence"].value("root_cause", "") == service);
    CHECK(first["evidence"].value("role", "") == "root cause");
    // and the status does, as long as it lasts.
    Json status;
    for (const auto deadline = after(); Clock::now() < deadline;) {
        status = stack.group_status();
        if (status["consequences"].get<Names>() == consequences) break;
    }
    CAPTURE(status.dump());
    CHECK(status["root_cause"] == service);
    CHECK(status["consequences"].get<Names>() == consequences);
    CHECK(status["state"] != "ok");
    hold.close();

    const auto whole = stack.await_whole();
    CHECK(whole["reason"].get<std::string>().find(" after " + service + " fell first: ") != std::string::npos);
    check_order(stack.steps(), restarted);
    check_roles(stack.news(), service, restarted);
    const auto after_it = stack.pids();
    for (const auto& other : services) {
        CAPTURE(other);
        Names same;
        for (const auto pid : after_it.at(other))
            if (before.at(other).contains(pid)) same.insert(std::to_string(pid));
        if (restarted.contains(other))
            CHECK(same.empty());
        else
            CHECK(Json(after_it.at(other)).dump() == Json(before.at(other)).dump());
        CHECK(stack.rule(other)["state"] == "ok");
    }
    CHECK(stack.group_status()["root_cause"].is_null());
    stack.serve();
}

} // namespace

TEST_CASE("each of five services killed: it and those that require it are restarted in order, and it is named") {
    NEEDS_SERVICES();
    Stack stack;
    stack.come_up();
    for (const auto& service : services)
        fall_and_rise(stack, service, SIGKILL, "under");
    for (const auto& service : services)
        CHECK(stack.rule(service)["restart"]["attempts_used"] == 1); // of its own fall
}

TEST_CASE("each of five services hung: it is ended, and restarted in order with those that require it") {
    NEEDS_SERVICES();
    Stack stack;
    stack.come_up();
    for (const auto& service : services)
        fall_and_rise(stack, service, SIGSTOP, "hang");
}

TEST_CASE("what dies of the database's death is its consequence: one plan, and the database alone pays") {
    NEEDS_SERVICES();
    Stack stack({.mortal = true});
    stack.come_up();
    (void)stack.news();
    const auto before = stack.pids();

    SUBCASE("when the daemon hears of one after the other") {
        stack.kill("postgres", SIGKILL);
    }
    SUBCASE("when it hears of all of them at once") {
        std::vector<Fd> dying;
        for (const auto* service : {"app", "worker"})
            dying.push_back(open_pidfd(*before.at(service).begin()));
        stack.daemon().child().signal(SIGSTOP);
        ::kill(*before.at("postgres").begin(), SIGKILL);
        for (const auto& fd : dying)
            CHECK(wait_readable(fd.get(), after()));
        stack.daemon().child().signal(SIGCONT);
        // They ended by themselves, of a lost connection, and are known as fallen before anything is done.
        Names fallen;
        while (fallen.size() < 2) {
            const auto event = stack.events().await([](const Json& one) {
                return (one["rule"] == "app" || one["rule"] == "worker") && is_one_of(one, {"exit", "under"});
            });
            CAPTURE(event.dump());
            if (event["event"] == "exit") {
                CHECK(event["cause"]["exit_code"] == 1);
                continue;
            }
            CHECK(event["evidence"].value("role", "") == "consequence");
            fallen.insert(event["rule"].get<std::string>());
        }
    }

    const auto whole = stack.await_whole();
    CHECK(whole["reason"].get<std::string>().find(" after postgres fell first: ") != std::string::npos);
    check_order(stack.steps(), {"postgres", "app", "worker", "nginx"});
    check_roles(stack.news(), "postgres", {"postgres", "app", "worker", "nginx"});
    for (const auto& service : services)
        CHECK(stack.rule(service)["restart"]["attempts_used"] == (service == "postgres" ? 1 : 0));
    stack.serve();
}

TEST_CASE("a service that can't be started any more: those that require it wait, health says so, and reset mends all") {
    NEEDS_SERVICES();
    Stack stack({.keys = "restart.attempts = 2"});
    stack.come_up();
    (void)stack.news();
    const auto configuration = stack.dir().read("redis.conf");
    const auto postgres = stack.pids().at("postgres");
    (void)stack.dir().write("redis.conf", configuration + "no-such-directive yes\n");

    stack.kill("redis", SIGKILL);

    const auto escalated = stack.events().await("redis", "escalated");
    CHECK(escalated["evidence"]["root_cause"] == "redis");
    CHECK(stack.rule("redis")["state"] == "exhausted");
    for (const auto& [service, cause] : {std::pair{"app", "redis"}, std::pair{"worker", "redis"}, {"nginx", "app"}}) {
        CAPTURE(service);
        const auto rule = stack.rule(service);
        CHECK(rule["state"] == "restarting");
        CHECK(rule["waits_for"] == Json{cause});
        CHECK(rule["count"] == 0);
        CHECK(stack.daemon().ask({"health", service}).exit_code == 1);
    }
    CHECK(stack.daemon().ask({"health"}).exit_code == 1);
    CHECK(stack.daemon().ask({"health", "postgres"}).exit_code == 0);
    CHECK(Json(stack.pids().at("postgres")).dump() == Json(postgres).dump());
    CHECK(stack.group_status()["root_cause"] == "redis");
    const auto down = stack.steps();
    CHECK(count(down, "start redis") == 2);
    CHECK(count(down, "start app") == 0);

    // When the cause is mended
    (void)stack.dir().write("redis.conf", configuration);
    CHECK(stack.daemon().ask({"reset", "redis"}).exit_code == 0);

    (void)stack.await_whole();
    check_order(stack.steps(), {"redis", "app", "worker", "nginx"});
    CHECK(stack.daemon().ask({"health"}).exit_code == 0);
    for (const auto& service : {"app", "worker", "nginx"})
        CHECK(stack.rule(service)["restart"]["attempts_used"] == 0);
    stack.serve();
}

TEST_CASE("whoever is notified of a consequence reads who fell first") {
    NEEDS_SERVICES();
    const TempDir dir;
    node::Mailbox mail(dir.file("mail"));
    // In one write: notifications of one moment are told side by side.
    Stack stack({.keys = "notify.command = "
                         + node::command(
                             {"/bin/sh", "-c", "read -r line; printf '%s\\n' \"$line\" >\"$1\"", "sh", mail.path()})});
    stack.come_up();

    stack.kill("postgres", SIGKILL);

    std::set<std::string> outstanding{"postgres", "app", "worker", "nginx"};
    while (!outstanding.empty()) {
        const auto payload = Json::parse(mail.next());
        const auto name = payload["rule"].get<std::string>();
        const auto& evidence = payload["evidence"];
        // The stack's own beginning is told by the same way. Who died of it before it was restarted tells of his own
        // end, and of the kill as its root cause.
        if (payload["event"] != "restart" || payload.dump().find("SIGKILL") == std::string::npos) continue;
        CAPTURE(payload.dump());
        CHECK(payload["group"] == group);
        CHECK(evidence.value("root_cause", "") == "postgres");
        CHECK(evidence.value("role", "") == (name == "postgres" ? "root cause" : "consequence"));
        if (name != "postgres") {
            CHECK(evidence.value("root_cause_reason", "").find("SIGKILL") != std::string::npos);
            CHECK(evidence.value("root_cause_pid", 0) > 0);
        }
        outstanding.erase(name);
    }
    (void)stack.await_whole();
}
