// A host on paper: services with processes, and an engine with rules about them, asked as the daemon asks it.
#pragma once

#include "bench.hpp"
#include "engine/engine.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <malloc.h>

namespace nezuban::bench {

constexpr int services = 1000;

enum class RuleKind { name, path, argument, user };

inline std::string name_of(RuleKind kind) {
    switch (kind) {
    case RuleKind::name: return "name";
    case RuleKind::path: return "path pattern";
    case RuleKind::argument: return "argument pattern";
    case RuleKind::user: return "user";
    }
    return {};
}

inline RuleSpec rule_about(RuleKind kind, int service) {
    RuleSpec rule{.name = fmt::format("rule-{:04}", service)};
    rule.count.min = 0;
    switch (kind) {
    case RuleKind::name: rule.match.comm = fmt::format("svc-{:04}", service); break;
    case RuleKind::path: rule.match.exe = fmt::format("/srv/**/svc-{:04}", service); break;
    case RuleKind::argument: rule.match.args_regex = fmt::format("--name svc-{:04}( |$)", service); break;
    case RuleKind::user: rule.match.user = Principal{"svc", static_cast<std::uint32_t>(10'000 + service)}; break;
    }
    return rule;
}

inline std::vector<RuleSpec> rules_about(RuleKind kind, int count) {
    std::vector<RuleSpec> rules;
    for (int service = 0; service < count; ++service)
        rules.push_back(rule_about(kind, service));
    return rules;
}

class PaperHost {
public:
    PaperHost(const std::vector<RuleSpec>& rules, int processes, std::vector<GroupSpec> groups = {})
        : engine_({}, rules, std::move(groups), {}) {
        give(SnapshotBegan{});
        for (int i = 0; i < processes; ++i)
            give(SnapshotTask{.process = process_of(i % services)});
        give(SnapshotEnded{});
    }

    // As the daemon does it when every event has a turn of the loop for itself: what has to be read, the event, what is
    // due, and when to wake up next (asked twice).
    void give(const Event& event) {
        now_ += std::chrono::microseconds(1);
        (void)engine_.needs_of(event);
        engine_.handle(event, now_, intents_);
        engine_.advance(now_, intents_);
        (void)engine_.next_deadline();
        (void)engine_.next_deadline();
        intents_.clear();
    }
    void wait(Duration duration) {
        now_ += duration;
    }
    [[nodiscard]] Engine& engine() {
        return engine_;
    }
    [[nodiscard]] Time now() const {
        return now_;
    }

    // Of a service, as it is after its exec.
    [[nodiscard]] Process process_of(int service) {
        const auto name = fmt::format("svc-{:04}", service);
        const auto user = static_cast<std::uint32_t>(10'000 + service);
        return {.id = next_id(),
                .ppid = 1,
                .uid = user,
                .gid = user,
                .cgroup_key = static_cast<std::uint64_t>(service) + 1,
                .comm = name,
                .exe = std::make_shared<const std::string>("/srv/" + name + "/bin/" + name),
                .args = std::make_shared<const std::string>(name + '\0' + "--name" + '\0' + name + '\0'),
                .cgroups = std::make_shared<const std::string>("/system.slice/" + name + ".service")};
    }
    [[nodiscard]] Identity next_id() {
        ++last_;
        return {.pid = static_cast<std::uint32_t>(last_), .start_ns = last_};
    }

private:
    Engine engine_;
    Intents intents_;
    Time now_{std::chrono::seconds(1000)};
    std::uint64_t last_ = 1;
};

// What has been asked of malloc and not given back.
inline double allocated_bytes() {
    const auto info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

// ns on a processor of each of count calls.
template <typename Call> double ns_each(int count, Call call) {
    const double begin = thread_cpu_ns();
    for (int i = 0; i < count; ++i)
        call(i);
    return (thread_cpu_ns() - begin) / count;
}

} // namespace nezuban::bench
