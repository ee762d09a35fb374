#include "app/enrich.hpp"

#include "io/procfs.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

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
void Enricher::enrich(std::span<const Lacking> events) {
    for (const auto& [event, needs] : events) {
        auto* process = process_of(*event);
        if (process == nullptr) continue;
        if (needs.exe && !process->exe) process->exe = text_of(read_exe(process->id.pid));
        if (needs.name && !process->name) process->name = name_of(*process);
        if (needs.cgroups && !process->cgroups) process->cgroups = cgroups_of(*process);
    }
    read_arguments(events);
}

void Enricher::read_arguments(std::span<const Lacking> events) {
    std::vector<Process*> unread;
    for (const auto& [event, needs] : events) {
        auto* process = needs.args ? process_of(*event) : nullptr;
        if (process != nullptr && !process->args) unread.push_back(process);
    }
    if (unread.empty()) return;
    if (!reader_) {
        for (auto* process : unread)
            process->args = text_of(read_args(process->id.pid));
        return;
    }
    std::vector<ArgsReader::Asked> asked;
    asked.reserve(unread.size());
    for (const auto* process : unread)
        asked.push_back({.id = process->id, .uid = process->uid, .comm = process->comm});
    auto texts = reader_->read(asked);
    for (std::size_t i = 0; i < unread.size(); ++i)
        unread[i]->args = std::move(texts[i]);
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
