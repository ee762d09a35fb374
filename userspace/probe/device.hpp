// On which device a thread in D waits, from what its kernel stack holds: of kernel threads nothing else tells.
#pragma once

#include "core/result.hpp"
#include "core/wait.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <nezuban/device.h>

namespace nezuban {

struct FoundDevice {
    ThreadId thread;
    std::uint64_t switches = 0; // as ThreadWait::switches(): of another wait, when they differ
    StackDevice device;
};

[[nodiscard]] FoundDevice decode(const nz_device& told);

class DeviceScan {
public:
    // Takes some 20 ms, most of it for the kernel's types.
    static Result<DeviceScan> load();
    ~DeviceScan();
    DeviceScan(DeviceScan&&) noexcept;
    DeviceScan& operator=(DeviceScan&&) noexcept;

    // One pass over all threads (2 ms for 20,000); 10 to 60 µs for each of these that is in D. Of one thread each
    // device is told, the nearest on its stack first. Others may be told, too: a tid alone names nobody.
    Result<void> look(std::span<const std::uint32_t> tids, const std::function<void(FoundDevice)>& sink);

private:
    struct State;
    explicit DeviceScan(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban
