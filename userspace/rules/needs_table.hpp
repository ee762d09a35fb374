// What has to be read of a process before its rules can be asked: the sum over all rules that are possible for it,
// without going through them.
#pragma once

#include "core/process.hpp"
#include "rules/matcher.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nezuban {

class NeedsTable {
public:
    // The matcher has to live as long as the table. needs: those of the matcher, and what else its rule asks for.
    void add(const Matcher& matcher, const Needs& needs);

    // The sum of the needs of those whose Matcher::possible says yes.
    [[nodiscard]] Needs of(const Process& process) const;

private:
    // By user and group; absent: whoever it is.
    using ByOwner = std::map<std::pair<std::optional<std::uint32_t>, std::optional<std::uint32_t>>, Needs>;
    using Threads = std::vector<std::pair<const Matcher*, Needs>>;

    static void sum_of(const ByOwner& owners, const Process& process, Needs& sum);
    void sum_of_threads(const Process& process, Needs& sum) const;

    std::unordered_map<std::string, ByOwner> by_comm_;
    ByOwner of_any_comm_;
    std::map<std::string, Threads, std::less<>> kernel_threads_; // by what their names begin with
};

} // namespace nezuban
