// The device on which a thread in D waits, found on its kernel stack.
#include "probe/device.hpp"

#include "live/lab.hpp"
#include "live/scanner.hpp"
#include "support/hang.hpp"
#include "support/temp_dir.hpp"

#include <vector>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// Those with a device, of all that the program told.
std::vector<FoundDevice> devices_of(DeviceScan& scan, const std::vector<std::uint32_t>& tids) {
    std::vector<FoundDevice> found;
    REQUIRE(scan.look(tids, [&](FoundDevice one) {
        if (std::ranges::find(tids, one.thread.tid) != tids.end()) found.push_back(std::move(one));
    }));
    return found;
}

} // namespace

TEST_CASE("who sits in a frozen file system is told with the device below it") {
    NEEDS_BPF();
    NEEDS_PROGRAMS("on which device a thread waits");
    if (const auto why = why_no_frozen_disk(); !why.empty()) SKIP(why);
    const TempDir dir;
    auto scan = DeviceScan::load();
    REQUIRE(scan);
    Actor freezer("nzstuck", {"fsfreeze", dir.path().string()}, "nzdevice");
    const auto writer = freezer.said().at("writer").get<std::uint32_t>();
    // It still waits for the disk that was just made, if for any.
    for (const auto deadline = after(); !devices_of(*scan, {writer}).empty();)
        REQUIRE(test::Clock::now() < deadline);

    freezer.tell("freeze");
    freezer.tell("write");
    const auto found = devices_of(*scan, {writer});

    // Other devices may be told beside it: what earlier calls have left on the stack.
    const auto of_loop = [](const FoundDevice& one) { return one.device.major == 7; };
    REQUIRE(std::ranges::count_if(found, of_loop) == 1);
    const auto& below = std::ranges::find_if(found, of_loop)->device;
    CHECK("/dev/" + below.name == freezer.said().at("device"));
    CHECK(below.file_system == "ext4");
    Scanner scanner;
    const auto told = scanner.threads_of(writer, {.uninterruptible = true});
    REQUIRE(told.size() == 1);
    CHECK(found.front().thread == told.front().thread);
    CHECK(found.front().switches == told.front().switches());
    CHECK(devices_of(*scan, {static_cast<std::uint32_t>(freezer.pid())}).empty()); // it sleeps
    freezer.tell("thaw");
}
