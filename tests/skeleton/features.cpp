#include "probe/features.hpp"

#include "support/skip.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace nezuban;

TEST_CASE("what the kernel offers is told feature by feature, each with what is done without it") {
    const auto features = probe_features();

    CHECK_FALSE(features.kernel.empty());
    std::set<std::string> names;
    for (const auto& feature : features.all) {
        CHECK_FALSE(feature.title.empty());
        CHECK_FALSE(feature.detail.empty());
        CHECK(names.insert(feature.name).second);
    }
    CHECK(names.contains("privilege"));
    CHECK(names.contains("btf"));
}

TEST_CASE("on a kernel with BTF what all of them have is found without loading anything") {
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) SKIP("this kernel has no BTF");
    const auto facts = look_at_kernel();
    CHECK(facts.types);
    CHECK(facts.life_cycle);
    CHECK(facts.ring_buffer);
    CHECK(facts.task_iterator);
    CHECK(facts.switches);
    CHECK(facts.clocks);
}
