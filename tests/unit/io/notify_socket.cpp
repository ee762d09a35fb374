#include "io/notify_socket.hpp"

#include "support/descriptors.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

void no_guard(int /*descriptor*/) {}

void send(const test::Fd& socket, std::string_view text) {
    REQUIRE(::send(socket.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

std::vector<std::uint32_t> ourselves() {
    return {static_cast<std::uint32_t>(::getpid())};
}

} // namespace

TEST_CASE("a beat counts once for its sender, and other words of his don't") {
    const TempDir dir;
    const auto socket = NotifySocket::open(dir.file("control.notify"), no_guard).value();
    const auto service = connect_to_datagrams(socket.path());

    send(service, "READY=1\nSTATUS=WATCHDOG=1");
    CHECK(socket.read_beats(100).empty());
    send(service, "WATCHDOG=1");
    send(service, "STATUS=at work\nWATCHDOG=1\n");
    CHECK(socket.read_beats(100) == ourselves());
}

TEST_CASE("the guard is there before anybody can send") {
    const TempDir dir;
    const auto path = dir.file("control.notify");
    int guarded = -1;

    const auto socket = NotifySocket::open(path, [&](int descriptor) {
        guarded = descriptor;
        CHECK_FALSE(std::filesystem::exists(path));
    });

    REQUIRE(socket);
    CHECK(guarded == socket->descriptor());
    CHECK(std::filesystem::exists(path));
}

TEST_CASE("where no guard keeps descriptors out, none stays open") {
    const TempDir dir;
    const auto socket = NotifySocket::open(dir.file("control.notify"), no_guard).value();
    const auto service = connect_to_datagrams(socket.path());
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const test::Fd reading(ends[0]);
    test::Fd writing(ends[1]);
    const int passed = writing.get();
    REQUIRE(send_with_descriptors(service.get(), "WATCHDOG=1", {&passed, 1}));
    writing.close();

    CHECK(socket.read_beats(100) == ourselves());
    CHECK(wait_readable(reading.get(), test::Clock::now())); // the end
}

TEST_CASE("the socket goes with whoever listened there") {
    const TempDir dir;
    const auto path = dir.file("control.notify");
    NotifySocket::open(path, no_guard).value();
    CHECK_FALSE(std::filesystem::exists(path));
}
