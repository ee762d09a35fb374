#include "probe/device.hpp"

#include <cstring>

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("a device found on a stack is told with the wait that it was found in") {
    nz_device told{.thread_start_ns = 18'000'000'000, .switches = 77, .tid = 4711, .device = (259U << 20U) | 0xffffeU};
    std::strcpy(told.name, "nvme0n1p2");
    std::strcpy(told.file_system, "ext4");
    const auto found = decode(told);
    CHECK(found.thread == ThreadId{.tid = 4711, .start_ns = 18'000'000'000});
    CHECK(found.switches == 77);
    CHECK(found.device == StackDevice{.major = 259, .minor = 0xffffe, .name = "nvme0n1p2", .file_system = "ext4"});
}

TEST_CASE("a name without an end stops at its room") {
    nz_device told{};
    std::memset(told.name, 'x', sizeof told.name);
    CHECK(decode(told).device.name == std::string(NZ_DEVICE_NAME, 'x'));
    CHECK(decode(told).device.file_system.empty());
}
