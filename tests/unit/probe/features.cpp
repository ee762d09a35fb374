#include "probe/features.hpp"

#include <algorithm>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

// Root on the newest kernel.
KernelFacts newest() {
    return {.kernel = "7.2",
            .root_like = true,
            .may_trace = true,
            .first_pid_namespace = true,
            .process_connector = true,
            .socket_filter = true,
            .passrights = true,
            .types = true,
            .life_cycle = true,
            .typed_tracepoints = true,
            .ring_buffer = true,
            .task_iterator = true,
            .exit_tells_group_dead = true,
            .oom_tells_task = true,
            .cgroup_moves = true,
            .clocks = true,
            .register_helper = true,
            .symbol_helper = true,
            .descriptor_iterator = true,
            .frees = true,
            .switches = true,
            .task_storage = true,
            .process_iterator = true,
            .system_calls = true};
}

KernelFacts oldest() {
    auto facts = newest();
    facts.kernel = "5.10";
    for (auto* fact : {&facts.exit_tells_group_dead, &facts.oom_tells_task, &facts.register_helper,
                       &facts.symbol_helper, &facts.task_storage, &facts.process_iterator, &facts.passrights})
        *fact = false;
    return facts;
}

const Feature& feature(const Features& features, std::string_view name) {
    const auto found = std::ranges::find(features.all, name, &Feature::name);
    REQUIRE(found != features.all.end());
    return *found;
}

} // namespace

TEST_CASE("the newest kernel needs no fallback") {
    const auto features = features_of(newest());
    CHECK(features.mode == Mode::bpf);
    CHECK(features.why_not_bpf.empty());
    CHECK(require(features).has_value());
    CHECK(std::ranges::all_of(features.all, &Feature::present));
    CHECK(features.typed_tracepoints);
    CHECK(features.stall_storage);
    CHECK(features.register_helper);
}

TEST_CASE("the oldest has BPF all the same, and is told what is done instead of what it lacks") {
    const auto features = features_of(oldest());
    CHECK(features.mode == Mode::bpf);
    CHECK(features.stalls);
    CHECK_FALSE(features.stall_storage);
    CHECK_FALSE(features.register_helper);
    CHECK_FALSE(feature(features, "task-storage").present);
    CHECK_FALSE(feature(features, "task-storage").withheld);
}

TEST_CASE("a fallback is forced by leaving out what it stands for, and nothing else changes") {
    const auto features = features_of(newest(), {"task-storage"});
    CHECK(features.mode == Mode::bpf);
    CHECK_FALSE(features.stall_storage);
    CHECK(features.typed_tracepoints);
    CHECK(feature(features, "task-storage").withheld);
    CHECK_FALSE(feature(features, "task-storage").present);
    CHECK_FALSE(feature(features, "tp-btf").withheld);
}

TEST_CASE("raw tracepoints can't reach a task's storage") {
    const auto features = features_of(newest(), {"tp-btf"});
    CHECK_FALSE(features.typed_tracepoints);
    CHECK(features.stalls);
    CHECK_FALSE(features.stall_storage);
}

TEST_CASE("without BPF the process connector is next, then /proc, and it is said why") {
    const auto connector = features_of(newest(), {"bpf"});
    CHECK(connector.mode == Mode::connector);
    CHECK(connector.why_not_bpf == "BPF is left out by --without");
    CHECK_FALSE(connector.wait_scan);
    CHECK_FALSE(connector.stalls);
    CHECK(features_of(newest(), {"bpf", "connector"}).mode == Mode::polling);

    auto refused = newest();
    refused.bpf_refused = "Operation not permitted";
    CHECK(features_of(refused).mode == Mode::connector);
    CHECK(features_of(refused).why_not_bpf == "the kernel refuses BPF programs: Operation not permitted");
    auto untyped = newest();
    untyped.types = false;
    CHECK(features_of(untyped).mode == Mode::connector);
    CHECK(features_of(untyped).why_not_bpf.starts_with("BTF is missing: "));
}

TEST_CASE("descriptors are filtered out by BPF, and by a socket's own option where there is none") {
    CHECK(features_of(newest()).socket_filter);
    CHECK(features_of(oldest()).socket_filter);
    CHECK_FALSE(features_of(oldest()).passrights);
    const auto without_bpf = features_of(newest(), {"bpf"});
    CHECK_FALSE(without_bpf.socket_filter);
    CHECK(without_bpf.passrights);
    CHECK_FALSE(features_of(newest(), {"bpf", "passrights"}).passrights);
}

TEST_CASE("inside a container's pid namespace the connector would tell pids of the host: /proc is polled") {
    auto inside = newest();
    inside.first_pid_namespace = false;
    CHECK(features_of(inside).mode == Mode::polling);
}

TEST_CASE("who may neither trace nor end others is told what he lacks") {
    auto user = newest();
    user.may_trace = user.root_like = false;
    const auto features = features_of(user);
    CHECK(features.mode == Mode::none);
    REQUIRE_FALSE(require(features).has_value());
    CHECK(require(features).error().text.starts_with("privilege to trace is missing: run as root"));
}

TEST_CASE("an unknown feature is an error that names the nearest one") {
    CHECK(parse_without("task-storage,tp-btf").value() == Without{"task-storage", "tp-btf"});
    CHECK(parse_without("").value().empty());
    const auto wrong = parse_without("tp-btf,task-storge");
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().text == "no feature is called \"task-storge\" (did you mean \"task-storage\"?)");
    CHECK(parse_without("xyzzy").error().text.find("one of bpf, privilege, ") != std::string::npos);
}
