#include "io/kernel_symbols.hpp"

#include "io/files.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr std::size_t most_symbols = 64UL << 20U; // bytes; seen: 10 MB
constexpr std::size_t most_modules = 1UL << 20U;
// No function is longer. What is further away lies behind a gap, in something without a name (a BPF program).
constexpr std::uint64_t longest_function = 1UL << 18U;

std::uint64_t hexadecimal(std::string_view digits) {
    std::uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    return number;
}

bool is_code(char kind) {
    return kind == 't' || kind == 'T' || kind == 'w' || kind == 'W';
}

} // namespace

Result<KernelSymbols> KernelSymbols::parse(std::string text) {
    KernelSymbols known;
    known.text_ = std::move(text);
    const std::string_view all(known.text_);
    // "ffffffff81234567 t name" and, of a module, "\t[nfsd]".
    for (std::size_t begin = 0; begin < all.size();) {
        const auto end = std::min(all.find('\n', begin), all.size());
        const auto line = all.substr(begin, end - begin);
        const auto space = line.find(' ');
        if (space != std::string_view::npos && space + 3 < line.size() && is_code(line[space + 1])) {
            const auto name = line.substr(space + 3);
            const auto tab = std::min(name.find('\t'), name.size());
            Symbol symbol{.address = hexadecimal(line.substr(0, space)),
                          .at = static_cast<std::uint32_t>(begin + space + 3),
                          .size = static_cast<std::uint32_t>(tab),
                          .module_size = static_cast<std::uint32_t>(tab < name.size() ? name.size() - tab - 1 : 0)};
            if (symbol.address != 0) known.symbols_.push_back(symbol);
        }
        begin = end + 1;
    }
    if (known.symbols_.empty()) return fail("/proc/kallsyms tells no addresses (kptr_restrict)");
    // Of several names for one address the first one is what the kernel prints.
    std::ranges::sort(known.symbols_, {}, [](const Symbol& symbol) { return std::pair(symbol.address, symbol.at); });
    return known;
}

std::string KernelSymbols::name(std::uint64_t address) const {
    if (address == 0) return {};
    // A call may be the last thing in a function that never returns: what follows it is another one.
    const auto call = address - 1;
    auto after = std::ranges::upper_bound(symbols_, call, {}, &Symbol::address);
    if (after == symbols_.begin()) return {};
    const auto symbol = std::ranges::lower_bound(symbols_, std::prev(after)->address, {}, &Symbol::address);
    const auto offset = address - symbol->address;
    if (offset > longest_function) return {};
    const auto text = std::string_view(text_).substr(symbol->at);
    auto name = fmt::format("{}+{:#x}", text.substr(0, symbol->size), offset);
    if (symbol->module_size != 0) name += fmt::format(" {}", text.substr(symbol->size + 1, symbol->module_size));
    return name;
}

bool KernelStacks::nameless(const std::vector<std::string>& frames) {
    return !frames.empty() && std::ranges::all_of(frames, [](const auto& frame) { return frame.starts_with("0x"); });
}

void KernelStacks::name(std::vector<std::string>& frames) {
    if (!nameless(frames)) return;
    auto modules = read_file("/proc/modules", most_modules).value_or("");
    if (!symbols_ || modules != modules_) {
        modules_ = std::move(modules);
        auto text = read_file("/proc/kallsyms", most_symbols);
        if (text)
            symbols_ = KernelSymbols::parse(std::move(*text));
        else
            symbols_ = std::unexpected(text.error());
    }
    if (!symbols_) return;
    for (auto& frame : frames) {
        if (!frame.starts_with("0x")) continue;
        if (auto name = symbols_->name(hexadecimal(std::string_view(frame).substr(2))); !name.empty())
            frame = std::move(name);
    }
}

} // namespace nezuban
