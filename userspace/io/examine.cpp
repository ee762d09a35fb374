#include "io/examine.hpp"

#include "core/farthest.hpp"
#include "io/errno.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/stat.h>
#include <sys/uio.h>

namespace nezuban {

namespace {

constexpr std::size_t pieces_at_once = 1024; // IOV_MAX: more is refused as a whole
constexpr std::uint32_t largest = 64;

// Wishes of one process. A piece that isn't there ends the call: what came before it counts, what comes after it is
// asked for again.
void read_of_one(std::span<const MemoryWish> wishes, std::span<const std::size_t> order,
                 std::vector<std::string>& found) {
    std::array<iovec, pieces_at_once> here{};
    std::array<iovec, pieces_at_once> there{};
    while (!order.empty()) {
        const auto count = std::min(order.size(), pieces_at_once);
        for (std::size_t i = 0; i < count; ++i) {
            const auto& wish = wishes[order[i]];
            auto& text = found[order[i]];
            text.resize(wish.size);
            here.at(i) = {.iov_base = text.data(), .iov_len = wish.size};
            there.at(i) = {.iov_base = reinterpret_cast<void*>(wish.address), // NOLINT(performance-no-int-to-ptr)
                           .iov_len = wish.size};
        }
        const auto pid = static_cast<pid_t>(wishes[order.front()].pid);
        const auto size = ::process_vm_readv(pid, here.data(), count, there.data(), count, 0);
        const bool nobody = size < 0 && errno != EFAULT;
        auto bytes = static_cast<std::size_t>(std::max<ssize_t>(size, 0));
        std::size_t whole = 0;
        for (; whole < count && bytes >= wishes[order[whole]].size; ++whole)
            bytes -= wishes[order[whole]].size;
        for (std::size_t i = whole; i < count; ++i)
            found[order[i]].clear();
        if (nobody) return;
        order = order.subspan(std::min(whole + (whole < count ? 1 : 0), order.size()));
    }
}

} // namespace

std::vector<std::string> read_memory(std::span<const MemoryWish> wishes) {
    std::vector<std::string> found(wishes.size());
    std::vector<std::size_t> order;
    order.reserve(wishes.size());
    for (std::size_t i = 0; i < wishes.size(); ++i)
        if (wishes[i].pid != 0 && wishes[i].size != 0 && wishes[i].size <= largest) order.push_back(i);
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(wishes[i].pid, i); });
    for (std::span<const std::size_t> rest(order); !rest.empty();) {
        const auto pid = wishes[rest.front()].pid;
        const auto end = std::ranges::find_if(rest, [&](std::size_t i) { return wishes[i].pid != pid; });
        const auto count = static_cast<std::size_t>(end - rest.begin());
        read_of_one(wishes, rest.first(count), found);
        rest = rest.subspan(count);
    }
    return found;
}

Touched last_touched(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return {.error = path + ": " + errno_text(errno)};
    // Anybody who owns a file can give it a time that no count of nanoseconds holds.
    constexpr auto limit = std::chrono::duration_cast<std::chrono::seconds>(farthest);
    const auto seconds = std::clamp(std::chrono::seconds(info.st_mtim.tv_sec), -limit, limit);
    return {.when = WallTime(seconds + Duration(info.st_mtim.tv_nsec))};
}

} // namespace nezuban
