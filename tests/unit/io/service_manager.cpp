#include "io/service_manager.hpp"

#include "support/apart.hpp"
#include "support/descriptors.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>

#include <doctest/doctest.h>
#include <sys/resource.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// Listens as systemd does, with a queue of its own.
struct Listener {
    Listener() : socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const auto address = unix_address(path);
        REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~Listener() {
        ::unsetenv("NOTIFY_SOCKET");
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] std::string heard() const {
        std::string text(200, '\0');
        const auto size = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
        text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return text;
    }

    TempDir dir;
    std::string path = dir.file("service-manager");
    test::Fd socket;
};

} // namespace

TEST_CASE("the service manager hears of us though there is no descriptor left") {
    const Listener systemd;

    const auto said = apart([] {
        ServiceManager manager;
        const rlimit none{.rlim_cur = 0, .rlim_max = 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        return std::string(manager.tell_alive() ? "told" : "not told");
    });

    CHECK(said == "told");
    CHECK(systemd.heard() == "WATCHDOG=1");
}

TEST_CASE("a queue that is full is said to be, and doesn't make us wait") {
    const Listener systemd;
    ServiceManager manager;
    int told = 0;
    while (told < 10'000 && manager.tell_alive())
        ++told;
    CHECK(told > 0);
    CHECK(told < 10'000);
    CHECK_FALSE(manager.tell_ready("all is well"));

    CHECK(systemd.heard() == "WATCHDOG=1");
    CHECK(manager.tell_ready("all is well"));
}

TEST_CASE("where there is no service manager nobody is told, and nothing has to be told again") {
    ::unsetenv("NOTIFY_SOCKET");
    CHECK(ServiceManager().tell_alive());
}
