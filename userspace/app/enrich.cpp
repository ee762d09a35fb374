#include "app/enrich.hpp"

#include "io/procfs.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace nezuban {

namespace {

constexpr std::size_t most_cgroups = 8192;

Text text_of(std::optional<std::string> read) {
    return read ? std::make_shared<const std::string>(std::move(*read)) : nullptr;
}

Process* process_of(Event& event) {
    return std::visit(
        [](auto& each) -> Process* {
            if constexpr (requires { each.child; }) {
                return &each.child;
            } else if constexpr (requires { each.process.comm; }) {
                return &each.process;
            } else {
                return nullptr;
            }
        },
        event);
}

} // namespace

// What is read belongs to whoever has the pid now. Should that be somebody else already, the old one's exit is on
// its way in the ring, and what he is called for these microseconds harms nobody: a signal verifies its target.
void Enricher::enrich(Event& event, const Needs& needs) {
    auto* process = process_of(event);
    if (process == nullptr) return;
    if (needs.exe && !process->exe) process->exe = text_of(read_exe(process->id.pid));
    if (needs.args && !process->args) process->args = text_of(read_args(process->id.pid));
    if (needs.name && !process->name) process->name = name_of(*process);
    if (needs.cgroups && !process->cgroups) process->cgroups = cgroups_of(*process);
}

// It begins with the comm that the kernel told; what doesn't is of somebody else, or of before a change of name.
Text Enricher::name_of(const Process& process) {
    if (!process.may_have_longer_name()) return nullptr;
    auto name = read_name(process.id.pid);
    return name && name->starts_with(process.comm) ? text_of(std::move(name)) : nullptr;
}

Text Enricher::cgroups_of(const Process& process) {
    const auto known = cgroups_.find(process.cgroup_key);
    if (known != cgroups_.end()) return known->second;
    auto paths = text_of(read_cgroups(process.id.pid));
    if (!paths || process.cgroup_key == 0) return paths;
    if (cgroups_.size() >= most_cgroups) cgroups_.clear();
    cgroups_.emplace(process.cgroup_key, paths);
    return paths;
}

} // namespace nezuban
