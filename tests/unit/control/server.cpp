#include "control/server.hpp"

#include "control/client.hpp"
#include "io/clock.hpp"
#include "io/unix_socket.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <future>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace std::chrono_literals;
using Verb = Request::Verb;

namespace {

constexpr Duration plenty = 20s; // no test waits so long: it is what a broken one gives up after

// A server whose answer to everything is the names that it was asked for; to a reload there is none before `later`.
struct House {
    test::TempDir directory;
    std::string path = directory.file("control.sock");
    Loop loop = std::move(*Loop::create());
    std::vector<Request> asked;
    std::string extra; // JSON of the answers
    Server::Reply later;
    std::unique_ptr<Server> server;

    House() {
        auto listening = Server::listen(loop, path, [this](const Request& request, const Server::Reply& reply) {
            asked.push_back(request);
            if (request.verb == Verb::reload)
                later = reply;
            else
                reply({.ok = true, .error = {}, .exit_code = 0, .json = extra, .lines = request.names});
        });
        REQUIRE(listening.has_value());
        server = std::move(*listening);
    }

    // Lets the server work until this is so.
    template <typename Condition> void until(Condition condition) {
        const auto give_up = monotonic_now() + plenty;
        while (!condition()) {
            REQUIRE(monotonic_now() < give_up);
            REQUIRE(loop.step(monotonic_now() + 1ms).has_value());
            server->advance(monotonic_now());
        }
    }
    Result<Response> answer_to(const Request& request) {
        auto answer = std::async(std::launch::async, [&] { return ask(path, request, plenty); });
        until([&] { return answer.wait_for(0s) == std::future_status::ready; });
        return answer.get();
    }
    Fd connected() const {
        auto fd = connect_unix(path, plenty);
        REQUIRE(fd.has_value());
        return std::move(*fd);
    }
};

// A client of which nothing good is expected.
struct Rascal {
    Fd fd;
    std::string heard;
    bool closed = false;

    bool say(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto moved = write_some(fd.get(), bytes);
            if (moved.how != Transfer::some) return false;
            bytes.remove_prefix(moved.bytes);
        }
        return true;
    }
    bool hear_out() {
        std::array<char, 65536> buffer{};
        for (;;) {
            const auto moved = read_some(fd.get(), buffer);
            if (moved.how == Transfer::later) return false;
            if (moved.how != Transfer::some) break;
            heard.append(buffer.data(), moved.bytes);
        }
        closed = true;
        return true;
    }
};

Request of(Verb verb, std::vector<std::string> names = {}) {
    return {.verb = verb, .names = std::move(names), .hold = {}};
}

std::string answer_to_bytes(std::string_view bytes) {
    House house;
    Rascal rascal{.fd = house.connected()};
    REQUIRE(rascal.say(bytes));
    house.until([&] { return rascal.hear_out(); });
    CHECK(house.asked.empty());
    CHECK(house.server->clients() == 0);
    const auto answer = parse_response(rascal.heard);
    REQUIRE(answer.has_value());
    CHECK_FALSE(answer->ok);
    CHECK(answer->exit_code == 2);
    return answer->error;
}

} // namespace

TEST_CASE("a question is answered and the connection closed") {
    House house;
    auto pause = of(Verb::pause, {"scanner"});
    pause.hold = 10min;
    const auto answer = house.answer_to(pause);
    REQUIRE(answer.has_value());
    CHECK(answer->ok);
    CHECK(answer->lines == std::vector<std::string>{"scanner"});
    CHECK(house.asked == std::vector<Request>{pause});
    house.until([&] { return house.server->clients() == 0; });
    CHECK_FALSE(house.server->next_deadline().has_value());
}

TEST_CASE("the socket is for its owner alone, and goes with the server") {
    House house;
    struct stat info{};
    REQUIRE(::stat(house.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777U) == 0600);
    house.server.reset();
    CHECK(::stat(house.path.c_str(), &info) != 0);
}

TEST_CASE("garbage, an unknown verb and an empty line get an answer that says what is wrong") {
    CHECK(answer_to_bytes("\xff\x01garbage\n") == "the request is not one line of valid JSON");
    CHECK(answer_to_bytes("{\"verb\":\"pasue\"}\n") == "unknown verb 'pasue' (did you mean \"pause\"?)");
    CHECK(answer_to_bytes("\n") == "the request is not one line of valid JSON");
}

TEST_CASE("a request that has no end is refused at 64 KiB") {
    House house;
    Rascal rascal{.fd = house.connected()};
    const std::string piece(4096, 'x');
    house.until([&] { return !rascal.say(piece) || rascal.hear_out(); });
    house.until([&] { return rascal.hear_out(); });
    const auto answer = parse_response(rascal.heard);
    REQUIRE(answer.has_value());
    CHECK(answer->error == "the request is longer than 65536 bytes");
    CHECK(house.asked.empty());
}

TEST_CASE("a request that ends in the middle is refused, and one that hangs there is dropped after its time") {
    House house;
    Rascal hung{.fd = house.connected()};
    REQUIRE(hung.say("{\"verb\":"));
    house.until([&] { return house.server->clients() == 1; });

    const auto deadline = house.server->next_deadline();
    REQUIRE(deadline.has_value());
    house.server->advance(*deadline - 1ns);
    CHECK(house.server->clients() == 1);
    house.server->advance(*deadline);
    CHECK(house.server->clients() == 0);
    CHECK(hung.hear_out());
    CHECK(hung.heard.empty());

    Rascal half{.fd = house.connected()};
    REQUIRE(half.say("{\"verb\":"));
    ::shutdown(half.fd.get(), SHUT_WR);
    house.until([&] { return half.hear_out(); });
    CHECK(half.heard.find("ended without a newline") != std::string::npos);
}

TEST_CASE("a client that goes away at once leaves nothing behind") {
    House house;
    for (int i = 0; i < 200; ++i) {
        Rascal gone{.fd = house.connected()};
        if (i % 2 == 0) REQUIRE(gone.say("{\"verb\":\"status\"}\n"));
        gone.fd.reset();
        if (i % 16 == 0) REQUIRE(house.loop.step(monotonic_now() + 1ms).has_value());
    }
    CHECK(house.answer_to(of(Verb::status))->ok);
    house.until([&] { return house.server->clients() == 0; });
}

TEST_CASE("a client that never reads its answer is dropped after its time, and everybody else is served meanwhile") {
    House house;
    house.extra = "\"" + std::string(8U << 20U, 'x') + "\"";
    Rascal deaf{.fd = house.connected()};
    REQUIRE(deaf.say("{\"verb\":\"status\"}\n"));
    house.until([&] { return house.asked.size() == 1; });
    house.extra.clear();

    CHECK(house.answer_to(of(Verb::status))->ok);
    REQUIRE(house.server->clients() == 1);
    house.server->advance(house.server->next_deadline().value());
    CHECK(house.server->clients() == 0);
}

TEST_CASE("an answer of megabytes arrives whole, in as many pieces as it takes") {
    House house;
    house.extra = "\"" + std::string(8U << 20U, 'x') + "\"";
    const auto answer = house.answer_to(of(Verb::status));
    REQUIRE(answer.has_value());
    CHECK(answer->json == house.extra);
}

TEST_CASE("who waits for an answer that takes its time is answered then, and others meanwhile") {
    House house;
    auto waiting = std::async(std::launch::async, [&] { return ask(house.path, of(Verb::reload), plenty); });
    house.until([&] { return house.later != nullptr; });

    CHECK_FALSE(house.server->next_deadline().has_value());
    house.server->advance(monotonic_now() + 1h);
    CHECK(house.server->clients() == 1);
    CHECK(house.answer_to(of(Verb::status, {"other"}))->lines == std::vector<std::string>{"other"});

    house.later({.lines = {"done"}});
    house.until([&] { return waiting.wait_for(0s) == std::future_status::ready; });
    CHECK(waiting.get()->lines == std::vector<std::string>{"done"});
    house.later({.lines = {"twice"}}); // to nobody
}

TEST_CASE("who went away before the answer came gets none, and leaves nothing behind") {
    House house;
    {
        Rascal gone{.fd = house.connected()};
        REQUIRE(gone.say("{\"verb\":\"reload\"}\n"));
        house.until([&] { return house.later != nullptr; });
    }
    house.later({});
    CHECK(house.server->clients() == 0);
    CHECK(house.answer_to(of(Verb::status))->ok);
}

TEST_CASE("a hundred clients at once are all answered") {
    House house;
    std::vector<std::future<Result<Response>>> answers;
    for (int i = 0; i < 100; ++i)
        answers.push_back(std::async(std::launch::async, [&house, i] {
            return ask(house.path, of(Verb::status, {std::to_string(i)}), plenty);
        }));
    for (auto& answer : answers)
        house.until([&] { return answer.wait_for(0s) == std::future_status::ready; });
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const auto answer = answers[i].get();
        REQUIRE(answer.has_value());
        CHECK(answer->lines == std::vector<std::string>{std::to_string(i)});
    }
    CHECK(house.asked.size() == 100);
}

TEST_CASE("hung clients in every place give way to somebody who asks") {
    House house;
    std::vector<Rascal> hung;
    for (std::size_t i = 0; i < Server::clients_max; ++i) {
        hung.push_back({.fd = house.connected()});
        house.until([&] { return house.server->clients() == i + 1; });
    }
    const auto answer = house.answer_to(of(Verb::status));
    REQUIRE(answer.has_value());
    CHECK(answer->ok);
    CHECK(hung.front().hear_out());
    CHECK_FALSE(hung.back().hear_out());
}

TEST_CASE("another user is told that it is not permitted, even when the file's mode lets him in") {
    if (::geteuid() != 0) SKIP("needs root to become somebody else");
    House house;
    REQUIRE(::chmod(house.directory.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(house.path.c_str(), 0666) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(100);
        const auto answer = ask(house.path, of(Verb::status), plenty);
        ::_exit(answer && !answer->ok && answer->error.starts_with("not permitted") ? answer->exit_code : 101);
    }
    int status = 0;
    house.until([&] { return ::waitpid(child, &status, WNOHANG) == child; });
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 4);
    CHECK(house.asked.empty());
    CHECK(house.server->clients() == 0);
}

TEST_CASE("somebody else's socket in the daemon's place is not asked, and not believed") {
    if (::geteuid() != 0) SKIP("needs root to become somebody else");
    const test::TempDir directory;
    REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
    const auto path = directory.file("control.sock");
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(100);
        const auto listener = listen_unix(path, 0666);
        if (!listener || ::write(ready[1], "x", 1) != 1) ::_exit(101);
        ::pause();
    }
    char byte = 0;
    ::close(ready[1]);
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    const auto answer = ask(path, of(Verb::status), plenty);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().text == path + " is served by uid 65534, neither root nor us");
    CHECK(exit_code_of(answer.error()) == 4);
}

TEST_CASE("without a daemon the answer is: not reachable; with a closed door: not permitted") {
    const test::TempDir directory;
    const auto path = directory.file("control.sock");
    const auto nobody = ask(path, of(Verb::status), plenty);
    REQUIRE_FALSE(nobody.has_value());
    CHECK(nobody.error().text.starts_with("the daemon is not running: "));
    CHECK(exit_code_of(nobody.error()) == 3);

    if (::geteuid() != 0) SKIP("needs root to become somebody else");
    House house;
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(100);
        const auto answer = ask(house.path, of(Verb::status), plenty);
        ::_exit(answer ? 101 : exit_code_of(answer.error()));
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 4);
}

TEST_CASE("a daemon that hangs is given up on, and one that says nothing or nonsense as well") {
    const test::TempDir directory;
    const auto path = directory.file("control.sock");
    auto listener = listen_unix(path, 0600);
    REQUIRE(listener.has_value());
    const auto hung = ask(path, of(Verb::status), 1ms);
    REQUIRE_FALSE(hung.has_value());
    CHECK(hung.error().number == ETIMEDOUT);
    CHECK(exit_code_of(hung.error()) == 3);

    for (const auto* words : {"", "half an answer", "nonsense\n"}) {
        CAPTURE(words);
        auto answer = std::async(std::launch::async, [&] { return ask(path, of(Verb::status), plenty); });
        while (answer.wait_for(1ms) != std::future_status::ready) {
            auto accepted = accept_unix(listener->get());
            if (!accepted || !*accepted) continue;
            Rascal daemon{.fd = std::move(**accepted)};
            daemon.say(words);
        }
        const auto result = answer.get();
        CHECK_FALSE(result.has_value());
        CHECK(exit_code_of(result.error()) == 3);
    }
}
