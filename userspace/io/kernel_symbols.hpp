// Names for addresses in the kernel, for kernels whose BPF programs can't name them (before 5.13). Reading them takes
// some 100 ms and 10 MB: not for the watcher.
#pragma once

#include "core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

class KernelSymbols {
public:
    // From the text of /proc/kallsyms. An error: it tells no addresses (kptr_restrict).
    static Result<KernelSymbols> parse(std::string text);

    // "futex_do_wait+0x38", "nfsd_dispatch+0x7f [nfsd]"; of what a call returns to, so the symbol is that of the call.
    // Empty: it lies in none.
    [[nodiscard]] std::string name(std::uint64_t address) const;

private:
    struct Symbol {
        std::uint64_t address = 0;
        std::uint32_t at = 0; // of its name in text_
        std::uint32_t size = 0;
        std::uint32_t module_size = 0; // after it and a tab, with its brackets; 0: the kernel itself
    };
    std::string text_;
    std::vector<Symbol> symbols_; // of code, sorted
};

// /proc/kallsyms, read when it is needed first, and again when modules have come or gone since.
class KernelStacks {
public:
    // Whether a stack is still to be named: it has frames, and they are addresses.
    [[nodiscard]] static bool nameless(const std::vector<std::string>& frames);
    // Frames that can't be named stay as they are.
    void name(std::vector<std::string>& frames);

private:
    Result<KernelSymbols> symbols_ = fail("not read yet");
    std::string modules_; // when they were read
};

} // namespace nezuban
