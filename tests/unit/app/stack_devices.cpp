#include "app/stack_devices.hpp"

#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("of the devices that a stack leads to, the one on which the thread's own file lies is believed") {
    // Given what an earlier call has left, nearer than what the wait is about
    const std::vector<StackDevice> devices{{.major = 254, .minor = 0, .name = "vda", .file_system = "ext4"},
                                           {.major = 7, .minor = 0, .name = "loop0", .file_system = "ext4"},
                                           {.major = 7, .minor = 10, .name = "loop10", .file_system = "ext4"}};

    CHECK(likeliest(devices, "/export/file on /dev/loop0 (7:0)").name == "loop0");
    CHECK(likeliest(devices, "/export/file on /dev/loop10 (7:10)").name == "loop10");

    // and the nearest, where nothing is known of a file, or none of them is below it: nothing tells them apart.
    CHECK(likeliest(devices, "").name == "vda");
    CHECK(likeliest(devices, "/mnt/file on server:/export (nfs4)").name == "vda");
    CHECK(likeliest(devices, "/srv/(7:0)").name == "vda");
}
