#include "engine/process_table.hpp"

#include <utility>

namespace nezuban {

ProcessTable::Entry* ProcessTable::find(const Identity& id) {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
}

const ProcessTable::Entry* ProcessTable::find(const Identity& id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
}

const ProcessTable::Entry* ProcessTable::find_pid(std::uint32_t pid) const {
    const auto found = entries_.find(pid);
    return found == entries_.end() ? nullptr : &found->second;
}

ProcessTable::Entry& ProcessTable::put(Process process) {
    auto [place, fresh] = entries_.try_emplace(process.id);
    auto& entry = place->second;
    if (!fresh) {
        const auto& old = entry.process;
        if (!process.exe) process.exe = old.exe;
        if (!process.args) process.args = old.args;
        if (!process.name && process.comm == old.comm) process.name = old.name;
        if (!process.cgroups && process.cgroup_key == old.cgroup_key) process.cgroups = old.cgroups;
    }
    entry.process = std::move(process);
    entry.generation = generation_;
    return entry;
}

ProcessTable::Entry& ProcessTable::put_child(const Forked& event) {
    Process child = event.child;
    if (const auto* parent = find(event.parent)) {
        if (!child.exe) child.exe = parent->process.exe;
        if (!child.args) child.args = parent->process.args;
        if (!child.cgroups && child.cgroup_key == parent->process.cgroup_key) child.cgroups = parent->process.cgroups;
    }
    auto& entry = put(std::move(child));
    entry.embryo = event.shares_memory;
    return entry;
}

void ProcessTable::remove(const Identity& id) {
    entries_.erase(id);
    if (in_snapshot_) gone_.insert(id);
}

void ProcessTable::begin_snapshot() {
    ++generation_;
    in_snapshot_ = true;
    gone_.clear();
}

bool ProcessTable::admits(const Identity& id) const {
    return !gone_.contains(id);
}

std::vector<Identity> ProcessTable::unseen() const {
    std::vector<Identity> ids;
    for (const auto& [id, entry] : entries_) {
        if (entry.generation != generation_) ids.push_back(id);
    }
    return ids;
}

void ProcessTable::end_snapshot() {
    in_snapshot_ = false;
    gone_.clear();
}

void ProcessTable::forget_program(Entry& entry) {
    entry.process.exe = nullptr;
    entry.process.args = nullptr;
    entry.embryo = false;
}

bool ProcessTable::agrees(const Entry& entry, const Process& record) {
    const auto same = [](const Text& known, const Text& text) {
        return !text || known == text || (known && *known == *text);
    };
    const auto& known = entry.process;
    return known.ppid == record.ppid && known.uid == record.uid && known.gid == record.gid
           && known.kernel_thread == record.kernel_thread && known.cgroup_key == record.cgroup_key
           && known.comm == record.comm && same(known.name, record.name) && same(known.exe, record.exe)
           && same(known.args, record.args) && same(known.cgroups, record.cgroups);
}

void ProcessTable::for_each(const std::function<void(Entry&)>& each) {
    for (auto& [id, entry] : entries_) {
        each(entry);
    }
}

void ProcessTable::for_each(const std::function<void(const Entry&)>& each) const {
    for (const auto& [id, entry] : entries_) {
        each(entry);
    }
}

} // namespace nezuban
