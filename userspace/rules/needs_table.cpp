#include "rules/needs_table.hpp"

#include "rules/glob.hpp"

namespace nezuban {

namespace {

void add_to(Needs& sum, const Needs& more) {
    sum.exe = sum.exe || more.exe;
    sum.args = sum.args || more.args;
    sum.cgroups = sum.cgroups || more.cgroups;
    sum.name = sum.name || more.name;
}

} // namespace

void NeedsTable::add(const Matcher& matcher, const Needs& needs) {
    const auto& match = matcher.spec();
    if (match.kernel_thread) {
        kernel_threads_[std::string(literal_beginning(match.comm.value_or("")))].emplace_back(&matcher, needs);
        return;
    }
    const auto id = [](const auto& principal) { return principal ? std::optional(principal->id) : std::nullopt; };
    auto& owners = match.comm ? by_comm_[*match.comm] : of_any_comm_;
    add_to(owners[{id(match.user), id(match.group)}], needs);
}

Needs NeedsTable::of(const Process& process) const {
    Needs sum;
    if (process.kernel_thread) {
        sum_of_threads(process, sum);
        return sum;
    }
    sum_of(of_any_comm_, process, sum);
    if (const auto named = by_comm_.find(process.comm); named != by_comm_.end()) sum_of(named->second, process, sum);
    return sum;
}

void NeedsTable::sum_of(const ByOwner& owners, const Process& process, Needs& sum) {
    if (owners.empty()) return;
    for (const auto& user : {std::optional<std::uint32_t>(), std::optional(process.uid)}) {
        for (const auto& group : {std::optional<std::uint32_t>(), std::optional(process.gid)}) {
            if (const auto found = owners.find({user, group}); found != owners.end()) add_to(sum, found->second);
        }
    }
}

// What the name of a thread may begin with begins with its comm, or is the beginning of what is known of its name.
void NeedsTable::sum_of_threads(const Process& process, Needs& sum) const {
    const auto ask = [&](const Threads& threads) {
        for (const auto& [matcher, needs] : threads) {
            if (matcher->possible(process)) add_to(sum, needs);
        }
    };
    for (const std::string_view name : {std::string_view(process.comm), std::string_view(process.shown_name())}) {
        for (std::size_t length = 0; length <= name.size(); ++length) {
            const auto found = kernel_threads_.find(name.substr(0, length));
            if (found != kernel_threads_.end()) ask(found->second);
        }
    }
    for (auto at = kernel_threads_.upper_bound(process.comm);
         at != kernel_threads_.end() && at->first.starts_with(process.comm); ++at)
        ask(at->second);
}

} // namespace nezuban
