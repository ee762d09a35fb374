#include "io/files.hpp"
#include "io/loop.hpp"
#include "io/unix_socket.hpp"
#include "support/temp_dir.hpp"

#include <array>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

TEST_CASE("server and client meet at a path, and the server knows who called") {
    TempDir scratch;
    auto path = scratch / "run/control.sock";
    auto listener = listen_unix(path, 0600).value();
    struct stat info{};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK_FALSE(accept_unix(listener.get()).value());

    auto client = connect_unix(path, 1s).value();
    auto server = std::move(accept_unix(listener.get()).value().value());
    auto peer = peer_credentials(server.get()).value();
    CHECK(peer.pid == static_cast<std::uint32_t>(::getpid()));
    CHECK(peer.uid == ::geteuid());
    CHECK(peer.gid == ::getegid());

    CHECK(write_some(client.get(), "hello").bytes == 5);
    std::array<char, 16> bytes{};
    CHECK(read_some(server.get(), bytes).bytes == 5);
    CHECK(read_some(server.get(), bytes).how == Transfer::later);
    CHECK_FALSE(wait_ready(server.get(), ready::in, 1ms));
    client.reset();
    CHECK(wait_ready(server.get(), ready::in, 10s));
    CHECK(read_some(server.get(), bytes).how == Transfer::closed);
    CHECK(write_some(server.get(), "late").how == Transfer::closed);
}

TEST_CASE("a stale socket is replaced, a living one and any other file are not") {
    TempDir scratch;
    auto path = scratch / "control.sock";
    {
        auto first = listen_unix(path, 0600).value();
        auto second = listen_unix(path, 0600);
        REQUIRE_FALSE(second);
        CHECK(second.error().number == EADDRINUSE);
    }
    CHECK(connect_unix(path, 1s).error().number == ECONNREFUSED);
    CHECK(listen_unix(path, 0600));

    auto file = scratch.write("file", "precious");
    CHECK(listen_unix(file, 0600).error().number == EEXIST);
    CHECK(read_file(file, 100).value() == "precious");
}

TEST_CASE("nobody there, a path too long and a queue that stays full are told apart") {
    TempDir scratch;
    CHECK(connect_unix(scratch / "nobody", 1s).error().number == ENOENT);
    CHECK(connect_unix(scratch / std::string(200, 'x'), 1s).error().number == ENAMETOOLONG);

    auto path = scratch / "control.sock";
    auto listener = listen_unix(path, 0600).value();
    ::listen(listener.get(), 0);
    auto first = connect_unix(path, 1s);
    CHECK(connect_unix(path, 10ms).error().number == ETIMEDOUT);
    CHECK(listen_unix(path, 0600).error().number == EADDRINUSE);
}
