// The devices on which threads in D wait, each looked for once a wait. May block, for the examiner.
#pragma once

#include "core/wait.hpp"
#include "probe/device.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

// Of one or more devices that a stack leads to, the nearest first: the one on which that object lies ("/x on /dev/loop0
// (7:0)"), else the nearest. What earlier calls have left in the gaps of a stack looks like what the wait is about.
[[nodiscard]] const StackDevice& likeliest(std::span<const StackDevice> devices, std::string_view object);

class StackDevices {
public:
    // Is there anything to be found out about it?
    [[nodiscard]] static bool worth_a_look(const ThreadWait& thread);

    // Looks at the stacks of those that were not looked at before, the longest waits first; the others are forgotten.
    void look(const std::vector<const ThreadWait*>& threads);

    // "loop0 (7:0), ext4 on /export"; empty: not found. object: what its descriptor is, as describe_descriptor says it;
    // see likeliest().
    [[nodiscard]] std::string of(const ThreadWait& thread, std::string_view object);

private:
    struct Known {
        std::uint64_t switches = 0;       // of the wait
        std::vector<StackDevice> devices; // the nearest on the stack first
        std::optional<std::string> text;  // absent: not asked for yet
    };
    bool load();

    std::map<ThreadId, Known> known_;
    std::optional<DeviceScan> scan_; // loaded with the first thread that is worth a look
    bool refused_ = false;           // this kernel can't, or we may not
};

} // namespace nezuban
