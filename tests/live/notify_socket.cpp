// What is sent to the notification socket along with descriptors: whoever sent them has to close them.
#include "io/notify_socket.hpp"

#include "live/lab.hpp"
#include "probe/descriptors.hpp"
#include "support/descriptors.hpp"
#include "support/temp_dir.hpp"

#include <optional>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr int long_enough = 30; // for a receiver who has to wait to be seen waiting
constexpr std::string_view beat = "WATCHDOG=1";

#define NEEDS_A_WAY()                                                                                                  \
    if (ways().empty()) SKIP("neither a BPF filter nor SO_PASSRIGHTS keeps descriptors out here")

std::vector<std::string> ways() {
    std::vector<std::string> all;
    if (features().socket_filter) all.emplace_back("filter");
    if (features().passrights) all.emplace_back("option");
    return all;
}

// As the daemon has it. The second way is the one of a kernel or a mode without the first.
struct Stage {
    explicit Stage(const std::string& way) : used(features()) {
        used.socket_filter = used.socket_filter && way == "filter";
        used.passrights = used.passrights && way == "option";
        socket.emplace(
            NotifySocket::open(path, [&](int fd) { guarded = refuse_descriptors(fd, used).has_value(); }).value());
        sender = connect_to_datagrams(path);
    }
    // Those that came, of everybody's.
    [[nodiscard]] std::vector<std::uint32_t> beats() const {
        return socket->read_beats(100);
    }

    TempDir dir;
    std::string path = dir.file("control.notify");
    Features used;
    bool guarded = false;
    std::optional<NotifySocket> socket;
    test::Fd sender;
};

std::uint32_t ourselves() {
    return static_cast<std::uint32_t>(::getpid());
}

} // namespace

TEST_CASE("a descriptor that is sent along is closed by its sender, and the message comes to nobody") {
    NEEDS_A_WAY();
    for (const auto& way : ways()) {
        CAPTURE(way);
        const Stage stage(way);
        REQUIRE(stage.guarded);
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        const test::Fd reading(ends[0]);
        test::Fd writing(ends[1]);

        const int passed = writing.get();
        const bool sent = send_with_descriptors(stage.sender.get(), beat, {&passed, 1});
        writing.close();

        CHECK(sent == (way == "filter"));
        CHECK(wait_readable(reading.get(), test::Clock::now())); // the end: nobody has it, not even on its way
        CHECK(stage.beats().empty());
    }
}

TEST_CASE("a socket that lingers holds its sender up, and nobody else") {
    NEEDS_A_WAY();
    for (const auto& way : ways()) {
        CAPTURE(way);
        const Stage stage(way);
        LingeringSender attacker(stage.sender, beat, long_enough);
        CHECK(attacker.await_sent() == (way == "filter" ? "sent" : "refused"));
        REQUIRE(::send(stage.sender.get(), beat.data(), beat.size(), 0) > 0);

        const auto beats = stage.beats();

        CHECK_FALSE(attacker.has_closed());
        CHECK(beats == std::vector{ourselves()});
    }
}

TEST_CASE("without descriptors every message comes, of any length, and whose it is") {
    NEEDS_A_WAY();
    for (const auto& way : ways()) {
        CAPTURE(way);
        const Stage stage(way);
        for (const auto& text : {std::string("WATCHDOG=1"), "STATUS=" + std::string(3000, 'x') + "\nWATCHDOG=1\n"}) {
            REQUIRE(::send(stage.sender.get(), text.data(), text.size(), 0) > 0);
            CHECK(stage.beats() == std::vector{ourselves()});
        }
        REQUIRE(::send(stage.sender.get(), "READY=1", 7, 0) > 0);
        CHECK(stage.beats().empty());
    }
}
