// What this kernel can do, and which of our programs fit it: decided from its BTF, before anything is loaded.
#pragma once

#include "core/result.hpp"

#include <string>
#include <vector>

namespace nezuban {

struct Feature {
    std::string name;
    bool present = false;
    bool required = false;
    std::string detail; // what it is for, or what is done without it
};

struct Features {
    std::string kernel; // as uname -r
    bool exit_tells_group_dead = false;
    bool oom_tells_task = false;
    bool cgroup_moves = false;
    std::vector<Feature> all;

    // The first required one that is missing, as a sentence; empty: none.
    [[nodiscard]] std::string missing() const;
};

// Needs no privilege for most of it. Never fails: what can't be found out is absent.
[[nodiscard]] Features probe_features();

// A system without BTF, without privilege or in a pid namespace of its own: why the programs can't be loaded.
[[nodiscard]] Result<void> require(const Features& features);

} // namespace nezuban
