#include "config/paths.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("the control socket leaves their places to what lies beside it") {
    for (const auto* good :
         {"/run/nezuban/control.sock", "/run/x", "/run/x.notify.sock", "/run/a.health/x", "/run/.notify"})
        CHECK(socket_problem(good).empty());
    CHECK(socket_problem("/run/x.notify") == "\"/run/x.notify\" is the place of what lies beside the socket");
    CHECK_FALSE(socket_problem("/run/x.health").empty());
    CHECK_FALSE(socket_problem("x.notify").empty());
}

TEST_CASE("paths are compared without what does not matter in them") {
    CHECK(plain_path("/etc//nezuban/./conf.d/a.toml") == "/etc/nezuban/conf.d/a.toml");
    CHECK(plain_path("./a.toml") == "a.toml");
    CHECK(plain_path("a/../b") == "a/../b");
    CHECK(plain_path("/") == "/");
    CHECK(relative_to("/etc/nezuban/nezuban.toml", "conf.d/*.toml") == "/etc/nezuban/conf.d/*.toml");
    CHECK(relative_to("/etc/nezuban/nezuban.toml", "/opt/a.toml") == "/opt/a.toml");
    CHECK(relative_to("nezuban.toml", "conf.d/*.toml") == "conf.d/*.toml");
    CHECK(relative_to("/nezuban.toml", "a.toml") == "/a.toml");
}
