#include "io/socket_tables.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("a row of the table of TCP tells where a socket is bound, with whom it speaks, and its inode") {
    const auto listening =
        parse_inet_socket("   0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
                          "4711 1 0000000000000000 100 0 0 10 0\n");
    REQUIRE(listening);
    CHECK(listening->local.text() == "127.0.0.1:25");
    CHECK(listening->peer.any());
    CHECK(listening->peer.port == 0);
    CHECK(listening->listening());
    CHECK(listening->inode == 4711);

    const auto connected =
        parse_inet_socket("  12: 00000000000000000000000001000000:0050 "
                          "B80D0120000000000000000001000000:D431 01 0:0 0:0 0 33 0 18446744073709551615");
    REQUIRE(connected);
    CHECK(connected->local.text() == "[::1]:80");
    CHECK(connected->peer.text() == "[2001:db8::1]:54321");
    CHECK_FALSE(connected->listening());
}

TEST_CASE("a row of the table of Unix sockets tells its path, whatever is in that") {
    const auto row =
        parse_unix_socket("0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/my app.sock \n");
    REQUIRE(row);
    CHECK(row->listening);
    CHECK(row->inode == 12345);
    CHECK(row->path == "/run/my app.sock ");

    const auto nameless = parse_unix_socket("0000000000000000: 00000003 00000000 00000000 0001 03 12346\n");
    REQUIRE(nameless);
    CHECK_FALSE(nameless->listening);
    CHECK(nameless->path.empty());
}

TEST_CASE("the head of a table, a row that is cut, and one with a number that can't be, is none") {
    CHECK_FALSE(parse_inet_socket("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
                                  "timeout inode\n"));
    CHECK_FALSE(parse_inet_socket(""));
    CHECK_FALSE(parse_inet_socket("0: 0100007F:0019 00000000:0000 0A 0:0 0:0 0 0 0"));
    CHECK_FALSE(parse_inet_socket("0: 0100007F:10019 00000000:0000 0A 0:0 0:0 0 0 0 1"));
    CHECK_FALSE(parse_inet_socket("0: 0100007G:0019 00000000:0000 0A 0:0 0:0 0 0 0 1"));
    CHECK_FALSE(parse_unix_socket("Num       RefCount Protocol Flags    Type St Inode Path\n"));
    CHECK_FALSE(parse_unix_socket("0: 2 0 00010000 0001 01"));
}
