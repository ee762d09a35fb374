#include "probe/features.hpp"

#include "support/skip.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

using namespace nezuban;

TEST_CASE("what the kernel offers is told feature by feature, each with what it is for") {
    const auto features = probe_features();

    CHECK_FALSE(features.kernel.empty());
    std::set<std::string> names;
    for (const auto& feature : features.all) {
        CHECK_FALSE(feature.detail.empty());
        CHECK(names.insert(feature.name).second);
    }
    CHECK(names.contains("privilege"));
    CHECK(names.contains("BTF"));
}

TEST_CASE("a required feature that is missing is named, with what to do about it") {
    Features features{.all = {{"BTF", true, true, "a"}, {"mark_victim tells the task", false, false, "b"}}};
    CHECK(require(features).has_value());

    features.all.push_back({"BPF ring buffer", false, true, "since 5.8"});

    const auto verdict = require(features);
    REQUIRE_FALSE(verdict.has_value());
    CHECK(verdict.error().text == "BPF ring buffer is missing: since 5.8");
}

TEST_CASE("on a kernel with BTF all life-cycle tracepoints are found without loading anything") {
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) SKIP("this kernel has no BTF");
    const auto features = probe_features();
    for (const auto& feature : features.all) {
        if (feature.name.starts_with("tracepoint sched_process")) CHECK_MESSAGE(feature.present, feature.name);
    }
}
