// Where a function of the running kernel is, for whoever may know.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

namespace nezuban::test {

inline std::optional<std::uint64_t> address_in_kernel(const std::string& function) {
    std::ifstream symbols("/proc/kallsyms");
    std::uint64_t address = 0;
    std::string kind;
    std::string name;
    while (symbols >> std::hex >> address >> kind >> name) {
        if (name == function && address != 0) return address;
        std::getline(symbols, name);
    }
    return std::nullopt;
}

} // namespace nezuban::test
