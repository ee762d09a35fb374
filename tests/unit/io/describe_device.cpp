#include "io/examine.hpp"

#include <fstream>
#include <sstream>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace nezuban;

namespace {

const auto self = static_cast<std::uint32_t>(::getpid());

StackDevice device_of(const char* path) {
    struct stat info{};
    REQUIRE(::stat(path, &info) == 0);
    return {.major = ::major(info.st_dev), .minor = ::minor(info.st_dev), .name = {}, .file_system = {}};
}

std::string number_of(const StackDevice& device) {
    return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

} // namespace

TEST_CASE("a device that is mounted is told with its file system and where") {
    // Whatever it is that is mounted there: the place of a mount is the fifth word of its line.
    const auto proc = device_of("/proc");
    const auto text = describe_device(proc, self);
    CHECK(text.find(" (" + number_of(proc) + "), proc on /") != std::string::npos);
}

TEST_CASE("what has no device and is mounted nowhere is not told") {
    CHECK(describe_device({.major = 0, .minor = 1'000'000, .name = "x", .file_system = "pipefs"}, self).empty());
}

TEST_CASE("a disk that is mounted nowhere is told by its name, else by its number") {
    CHECK(describe_device({.major = 999, .minor = 7, .name = "sdz7", .file_system = "ext4"}, self)
          == "sdz7 (999:7), ext4");
    CHECK(describe_device({.major = 999, .minor = 7, .name = {}, .file_system = {}}, self) == "999:7");
}

TEST_CASE("a disk that its file system calls by no name has the name that the kernel gave it") {
    std::ifstream partitions("/proc/partitions");
    std::string line;
    while (std::getline(partitions, line)) {
        std::istringstream words(line);
        StackDevice device;
        std::string blocks;
        std::string name;
        if (!(words >> device.major >> device.minor >> blocks >> name)) continue;
        const auto text = describe_device(device, self);
        CHECK(text.starts_with(name + " (" + number_of(device) + ")"));
        return;
    }
    MESSAGE("this machine has no disk");
}
