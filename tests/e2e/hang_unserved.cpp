// Work is waiting and nobody takes it; and servers that wait for work, which is something else.
#include "e2e/hang_stage.hpp"

using namespace nezuban::test;

namespace {

constexpr const char* unserved = "hang.unserved = \"1s\"";

} // namespace

TEST_CASE("a server that accepts nobody is told with its socket and queue, and when it accepts again") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("what sockets hold");
    const auto name = fresh_name();
    const Later later;
    Daemon daemon(later.rule() + hang_rule(name, unserved));
    Actor server("nzstuck", {"noaccept"}, name);
    const int port = server.said().at("port").get<int>();
    daemon.start();
    Events events(daemon);

    const Client one(port);
    const Client two(port);

    const auto hang = events.await(name, "hang");
    CAPTURE(hang.dump());
    CHECK(hang["pid"] == server.pid());
    const auto& evidence = hang.at("evidence");
    CHECK(evidence.at("socket") == "127.0.0.1:" + std::to_string(port));
    CHECK(evidence.at("kind") == "tcp listening");
    CHECK(evidence.at("queue") == 2);
    CHECK(evidence.at("limit") == 16);
    CHECK(evidence.at("fd") == server.said().at("fd"));
    CHECK(evidence.at("inode").get<long>() > 0);
    later.come(events);
    CHECK(count_of(daemon, name, "hang") == 1);

    server.tell("release");
    CHECK(says_how_long(events.await(name, "recovered")));
}

TEST_CASE("nobody accepts on a Unix socket, nobody reads a connection, nobody takes datagrams") {
    NEEDS_DAEMON();
    NEEDS_PROGRAMS("what sockets hold");
    const TempDir dir;
    const auto path = dir.file("socket");
    const auto local = fresh_name();
    const auto reader = fresh_name();
    const auto datagram = fresh_name();
    Daemon daemon(hang_rule(local, unserved) + hang_rule(reader, unserved) + hang_rule(datagram, unserved));
    Actor local_server("nzstuck", {"noaccept", path}, local);
    Actor reading_server("nzstuck", {"noread"}, reader);
    Actor datagram_server("nzstuck", {"udp"}, datagram);
    daemon.start();
    Events events(daemon);

    const Client to_local(path);
    const Client to_reader(reading_server.said().at("port").get<int>());
    const Client to_datagram(datagram_server.said().at("port").get<int>(), SOCK_DGRAM);

    auto hangs = first_hangs(events, {local, reader, datagram});
    CAPTURE(hangs[local].dump());
    CAPTURE(hangs[reader].dump());
    CAPTURE(hangs[datagram].dump());
    CHECK(hangs[local].at("evidence").at("socket") == path);
    CHECK(hangs[local].at("evidence").at("queue") == 1);
    CHECK(hangs[reader]["pid"] == reading_server.pid());
    CHECK(hangs[reader].at("evidence").at("kind") == "tcp");
    CHECK(hangs[reader].at("evidence").at("queue") == 5);
    CHECK(hangs[datagram]["pid"] == datagram_server.pid());
    CHECK(hangs[datagram].at("evidence").at("kind") == "udp");

    for (auto* server : {&local_server, &reading_server, &datagram_server})
        server->tell("release");
    std::set<std::string> waiting{local, reader, datagram};
    while (!waiting.empty()) {
        const auto event = events.await([](const json& one) { return one["event"] == "recovered"; });
        CHECK(says_how_long(event));
        waiting.erase(event["rule"].get<std::string>());
    }
}

TEST_CASE("servers that wait for work, and connections on which nobody says anything, do not hang") {
    NEEDS_DAEMON();
    const Later later;
    std::string rules = later.rule();
    std::vector<Actor> servers;
    std::vector<std::string> names;
    for (const auto* kind : {"idle-epoll", "idle-poll", "idle-select", "idle-accept", "idle-recv"}) {
        names.push_back(fresh_name());
        rules += hang_rule(names.back(), unserved);
        servers.emplace_back("nzstuck", std::vector<std::string>{kind}, names.back());
    }
    Daemon daemon(rules);
    std::vector<Client> clients;
    clients.reserve(servers.size());
    for (std::size_t at = 0; at < servers.size(); ++at)
        clients.emplace_back(servers[at].said().at("port").get<int>(),
                             at + 1 == servers.size() ? SOCK_DGRAM : SOCK_STREAM);
    daemon.start();
    Events events(daemon);

    later.come(events);
    later.come(events);

    for (const auto& name : names)
        CHECK(count_of(daemon, name, "hang") == 0);
}
