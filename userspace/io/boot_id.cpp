#include "io/boot_id.hpp"

#include "io/files.hpp"

namespace nezuban {

std::string boot_id() {
    constexpr std::size_t limit = 64;
    auto text = read_file("/proc/sys/kernel/random/boot_id", limit);
    if (!text) return {};
    text->resize(text->find_last_not_of('\n') + 1);
    return *text;
}

} // namespace nezuban
