#include "app/stack_devices.hpp"

#include "io/examine.hpp"
#include "io/syscall_names.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// In one look: 60 µs each at most.
constexpr std::size_t most_looks = 64;

// It waits for its child to execute or exit: what its stack still holds of earlier calls has nothing to do with that.
bool waits_for_child(const ThreadWait& thread) {
    if (!thread.syscall) return false;
    const auto name = syscall_name(thread.syscall->number, thread.syscall->compat);
    return name == "vfork" || name == "clone" || name == "clone3";
}

} // namespace

const StackDevice& likeliest(std::span<const StackDevice> devices, std::string_view object) {
    const auto below = std::ranges::find_if(devices, [&](const auto& device) {
        return object.ends_with(fmt::format(" ({}:{})", device.major, device.minor));
    });
    return below == devices.end() ? devices.front() : *below;
}

bool StackDevices::worth_a_look(const ThreadWait& thread) {
    // Where /proc has to do, BPF is refused.
    const bool by_bpf = thread.killable_known;
    return by_bpf && thread.state == ThreadState::uninterruptible && !thread.frozen && !thread.on_cpu
           && !waits_for_child(thread);
}

bool StackDevices::load() {
    if (scan_ || refused_) return scan_.has_value();
    if (auto scan = DeviceScan::load())
        scan_ = std::move(*scan);
    else
        refused_ = true;
    return scan_.has_value();
}

void StackDevices::look(const std::vector<const ThreadWait*>& threads) {
    std::map<ThreadId, Known> now;
    std::vector<const ThreadWait*> fresh;
    for (const auto* thread : threads) {
        const auto before = known_.find(thread->thread);
        if (before != known_.end() && before->second.switches == thread->switches())
            now.insert(known_.extract(before));
        else
            fresh.push_back(thread);
    }
    known_ = std::move(now);
    std::ranges::sort(fresh, {}, [](const auto* thread) { return std::pair(-thread->off_cpu, thread->thread); });
    if (fresh.size() > most_looks) fresh.resize(most_looks);
    if (fresh.empty() || !load()) return;

    std::vector<std::uint32_t> tids;
    for (const auto* thread : fresh) {
        tids.push_back(thread->thread.tid);
        known_[thread->thread] = {.switches = thread->switches(), .devices = {}, .text = {}};
    }
    const auto looked = scan_->look(tids, [&](FoundDevice found) {
        const auto known = known_.find(found.thread);
        if (known != known_.end() && known->second.switches == found.switches)
            known->second.devices.push_back(std::move(found.device));
    });
    if (!looked) known_.clear(); // asked for again next time
}

std::string StackDevices::of(const ThreadWait& thread, std::string_view object) {
    const auto found = known_.find(thread.thread);
    if (found == known_.end() || found->second.devices.empty()) return {};
    auto& text = found->second.text;
    if (!text) text = describe_device(likeliest(found->second.devices, object), thread.process.pid);
    return *text;
}

} // namespace nezuban
