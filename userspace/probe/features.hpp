// Which of our ways fits this kernel: a table, decided before anything is loaded. Pure, so that each fallback can be
// forced on a kernel that doesn't need it (--without) and all kernels can be tried in a unit test.
#pragma once

#include "core/result.hpp"
#include "probe/kernel_facts.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

// Where events come from. Each is slower than the one before, and knows less; none is wrong.
enum class Mode : std::uint8_t {
    none,
    bpf,       // everything
    connector, // the process connector (netlink) tells life and death; the rest is read in /proc
    polling,   // /proc alone, at each daemon.reconcile
};

[[nodiscard]] std::string_view name_of(Mode mode);

struct Feature {
    std::string name;  // as --without takes it
    std::string title; // for a reader
    bool present = false;
    bool required = false; // by the mode bpf
    bool withheld = false; // by --without
    std::string detail;    // what is done without it, or what would mend it
};

// Names of features to do without.
using Without = std::set<std::string>;

struct Features {
    std::string kernel; // as uname -r
    Mode mode = Mode::none;
    std::string why_not_bpf; // one sentence; empty: it is
    std::vector<Feature> all;

    // --- the life cycle ---------------------------------------------------------------------------------------
    bool typed_tracepoints = false; // else raw ones
    bool exit_tells_group_dead = false;
    bool oom_tells_task = false;
    bool cgroup_moves = false;

    // --- hangs ------------------------------------------------------------------------------------------------
    bool wait_scan = false;
    bool register_helper = false; // else they are looked for at the end of the thread's stack
    bool symbol_helper = false;   // else addresses are told, and named by /proc/kallsyms
    bool socket_scan = false;
    bool frees = false;
    bool stalls = false;
    bool stall_storage = false; // else a hash
    bool system_calls = false;

    // --- who may hold us up: descriptors that are sent to us -----------------------------------------------------
    bool socket_filter = false;
    bool passrights = false; // where there is no such filter
};

[[nodiscard]] Features features_of(const KernelFacts& facts, const Without& without = {});

// "task-storage,tp-btf". An error names what is unknown, and the nearest that is known.
[[nodiscard]] Result<Without> parse_without(std::string_view text);

[[nodiscard]] inline Features probe_features(const Without& without = {}) {
    return features_of(look_at_kernel(), without);
}

// Why nothing can be observed here, not even in /proc.
[[nodiscard]] Result<void> require(const Features& features);

} // namespace nezuban
