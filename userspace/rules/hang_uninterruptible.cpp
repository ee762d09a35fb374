// In D without a switch for so long: neither a signal nor anything else gets it out before what it waits for comes.
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// Thousands may hang on one dead disk: of each process, those in the same place are one finding.
struct Place {
    const SeenThread* longest = nullptr;
    std::vector<std::uint32_t> others;
    bool killable = true;
    bool killable_known = true;

    void add(const SeenThread& seen) {
        const bool longer = longest == nullptr || seen.since < longest->since;
        if (longest != nullptr) others.push_back(longer ? longest->last.thread.tid : seen.last.thread.tid);
        if (longer) longest = &seen;
        killable = killable && seen.last.killable;
        killable_known = killable_known && seen.last.killable_known;
    }
};

Finding finding_of(const HangScene& scene, const std::string& where, const Place& place) {
    const auto& wait = place.longest->last;
    const auto so_long = scene.memory.lasting(place.longest->since, scene.now);
    const auto more = place.others.empty() ? "is" : fmt::format("and {} more are", place.others.size());
    const auto* end = wait.kernel_thread      ? "no signal ends a kernel thread"
                      : !place.killable_known ? "whether SIGKILL can end it is not known"
                      : place.killable        ? "SIGKILL can end it"
                                              : "SIGKILL can't end it";
    Finding finding{
        .kind = HangKind::uninterruptible,
        .process = wait.process,
        .tid = wait.thread.tid,
        .thread_start_ns = wait.thread.start_ns,
        .others = place.others,
        .since = place.longest->since,
        .reason = fmt::format("tid {} ({}) {} {} for {}; {}", wait.thread.tid, wait.comm, more, doing(wait),
                              tell(so_long), end),
        .evidence = {{"tid", wait.thread.tid}, {"comm", wait.comm}, {"state", "D"}, {"off_cpu_s", seconds_of(so_long)}},
        .key = fmt::format("uninterruptible {} {}", wait.process.pid, where)};
    if (place.killable_known) finding.evidence.emplace_back("killable", place.killable);
    if (wait.syscall) finding.evidence.emplace_back("syscall", told_syscall(wait));
    if (!wait.object.empty()) finding.evidence.emplace_back("object", wait.object);
    if (!wait.device.empty()) finding.evidence.emplace_back("device", wait.device);
    if (!wait.kernel_stack.empty()) finding.evidence.emplace_back("kernel_stack", wait.kernel_stack);
    if (!place.others.empty())
        finding.evidence.emplace_back("threads", static_cast<std::int64_t>(place.others.size() + 1));
    return finding;
}

} // namespace

void find_uninterruptible(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.uninterruptible) return;
    std::map<std::pair<Identity, std::string>, Place> places;
    for (const auto* seen : scene.threads) {
        const auto& wait = seen->last;
        if (wait.state != ThreadState::uninterruptible || wait.frozen) continue;
        if (!lasted(scene, seen->since, *scene.spec.uninterruptible, out.due)) continue;
        places[{wait.process, told_syscall(wait) + " " + wait.object}].add(*seen);
    }
    for (const auto& [where, place] : places) {
        auto finding = finding_of(scene, where.second, place);
        add_waiting(scene, finding);
        out.found.push_back(std::move(finding));
    }
}

} // namespace nezuban
