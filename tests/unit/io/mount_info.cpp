#include "io/mount_info.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("a line of mountinfo tells what is mounted where, however many optional fields it has") {
    const auto mount =
        parse_mount("36 35 98:0 /mnt1 /mnt/my\\040disk rw,noatime shared:1 master:2 - ext3 /dev/root rw\n");
    REQUIRE(mount);
    CHECK(mount->id == "36");
    CHECK(mount->device == "98:0");
    CHECK(mount->root == "/mnt1");
    CHECK(mount->place == "/mnt/my disk");
    CHECK(mount->type == "ext3");
    CHECK(mount->source == "/dev/root");
    CHECK(parse_mount("1 0 0:1 / / rw - proc proc")->source == "proc");
}

TEST_CASE("a place with white space that isn't written as an escape is one word") {
    const auto mount = parse_mount("36 35 98:0 / /mnt/a\r-\rnfs\vx rw - ext3 /dev/root rw");
    REQUIRE(mount);
    CHECK(mount->place == "/mnt/a\r-\rnfs\vx");
    CHECK(mount->type == "ext3");
}

TEST_CASE("only three digits that are a byte are an escape") {
    CHECK(parse_mount("36 35 98:0 / /a\\134b\\777\\08\\04 rw - ext3 s rw")->place == "/a\\b\\777\\08\\04");
}

TEST_CASE("a line that is cut is none") {
    CHECK_FALSE(parse_mount(""));
    CHECK_FALSE(parse_mount("36 35 98:0 /mnt1 /mnt2 rw"));
    CHECK_FALSE(parse_mount("36 35 98:0 /mnt1 /mnt2 rw - ext3"));
}
