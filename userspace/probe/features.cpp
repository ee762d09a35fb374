#include "probe/features.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

#include <bpf/btf.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace nezuban {

namespace {

struct FreeBtf {
    void operator()(btf* object) const {
        btf__free(object);
    }
};
using Btf = std::unique_ptr<btf, FreeBtf>;

// The function behind a tracepoint, from "typedef void (*btf_trace_NAME)(void *, ...)".
const btf_type* prototype_of(const btf* kernel, const std::string& tracepoint) {
    const auto id = btf__find_by_name_kind(kernel, ("btf_trace_" + tracepoint).c_str(), BTF_KIND_TYPEDEF);
    if (id < 0) return nullptr;
    const auto* type = btf__type_by_id(kernel, btf__type_by_id(kernel, static_cast<std::uint32_t>(id))->type);
    if (type == nullptr || !btf_is_ptr(type)) return nullptr;
    const auto* function = btf__type_by_id(kernel, type->type);
    return function != nullptr && btf_is_func_proto(function) ? function : nullptr;
}

// The first parameter is the tracepoint's own context.
std::size_t arguments_of(const btf_type* prototype) {
    return prototype == nullptr ? 0 : static_cast<std::size_t>(btf_vlen(prototype)) - 1U;
}

bool first_argument_is_pointer(const btf* kernel, const btf_type* prototype) {
    if (arguments_of(prototype) == 0) return false;
    const auto* type = btf__type_by_id(kernel, btf_params(prototype)[1].type);
    return type != nullptr && btf_is_ptr(type);
}

// The inode number that the kernel gives the first pid namespace (PROC_PID_INIT_INO).
bool in_first_pid_namespace() {
    struct stat info{};
    return stat("/proc/self/ns/pid", &info) == 0 && info.st_ino == 0xEFFFFFFCU;
}

bool has_capabilities() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
        if (!line.starts_with("CapEff:")) continue;
        const auto have = std::stoull(line.substr(7), nullptr, 16);
        const auto has = [&](unsigned bit) { return (have >> bit & 1U) != 0; };
        return has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
    }
    return false;
}

} // namespace

std::string Features::missing() const {
    for (const auto& feature : all) {
        if (feature.required && !feature.present) return feature.name + " is missing: " + feature.detail;
    }
    return {};
}

Features probe_features() {
    Features found;
    utsname names{};
    if (uname(&names) == 0) found.kernel = names.release;
    found.all.push_back(
        {"privilege", has_capabilities(), true,
         "run as root, or with CAP_BPF and CAP_PERFMON (and CAP_KILL, CAP_SYS_PTRACE to act and to read)"});
    found.all.push_back({"first pid namespace", in_first_pid_namespace(), true,
                         "inside a container's pid namespace the kernel's pids mean nothing; run on the host"});
    const Btf kernel(btf__load_vmlinux_btf());
    found.all.push_back({"BTF", kernel != nullptr, true,
                         "/sys/kernel/btf/vmlinux: needs a kernel of 5.10 or newer built with CONFIG_DEBUG_INFO_BTF"});
    if (!kernel) return found;

    for (const auto* name :
         {"sched_process_fork", "sched_process_exec", "sched_process_exit", "task_rename", "signal_generate"}) {
        found.all.push_back({std::string("tracepoint ") + name, prototype_of(kernel.get(), name) != nullptr, true,
                             "the kernel's life-cycle tracepoints can't be attached"});
    }
    const bool ring = btf__find_by_name_kind(kernel.get(), "bpf_ringbuf", BTF_KIND_STRUCT) >= 0;
    found.all.push_back({"BPF ring buffer", ring, true, "since 5.8"});
    const bool iterator = btf__find_by_name_kind(kernel.get(), "bpf_iter__task", BTF_KIND_STRUCT) >= 0;
    found.all.push_back({"BPF task iterator", iterator, true, "since 5.8"});

    found.exit_tells_group_dead = arguments_of(prototype_of(kernel.get(), "sched_process_exit")) >= 2;
    found.all.push_back({"sched_process_exit tells group_dead", found.exit_tells_group_dead, false,
                         "otherwise the thread counter is read, and an exit may be told twice (harmless)"});
    found.oom_tells_task = first_argument_is_pointer(kernel.get(), prototype_of(kernel.get(), "mark_victim"));
    found.all.push_back({"mark_victim tells the task", found.oom_tells_task, false, "otherwise its pid alone"});
    found.cgroup_moves = arguments_of(prototype_of(kernel.get(), "cgroup_attach_task")) == 4;
    found.all.push_back({"tracepoint cgroup_attach_task", found.cgroup_moves, false,
                         "otherwise a move between cgroups is seen by the next comparison"});
    return found;
}

Result<void> require(const Features& features) {
    if (auto missing = features.missing(); !missing.empty()) return fail(std::move(missing));
    return {};
}

} // namespace nezuban
