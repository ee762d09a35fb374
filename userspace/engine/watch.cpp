#include "engine/watch.hpp"

#include "core/tell.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

// Time for a fork to become an exec, before it counts as one too many (see Census). Measured here: 0.3 ms on an idle
// machine, under 10 ms with both processors busy.
constexpr Duration youth = 20ms;

// Who is waited for before a successor is started; of hundreds that fell at once the last are the last to be gone.
constexpr std::size_t most_leaving = 16;

// What falls together is judged together: see docs/adr/0009-groups-by-gates.md.
constexpr Duration gather = 10ms;

// Members that die within this may die of one thing: PostgreSQL's children need some 10 ms to miss it.
constexpr Duration one_blow = 100ms;

// The more, the less likely it is that it came of something else.
int weight_of(const Cause& cause) {
    if (cause.signal != 0) return 2;
    return cause.exit_code != 0 ? 1 : 0;
}

} // namespace

Watch::Watch(RuleSpec spec) : spec_(std::move(spec)), matcher_(spec_.match), budget_(spec_.restart) {
    // Without count.per there is one bucket from the beginning: none at all is a count too.
    if (!spec_.count.per) {
        buckets_.try_emplace("");
        restless_.insert("");
    }
}

std::string Watch::value_of(const Process& process) const {
    if (!spec_.count.per) return {};
    switch (*spec_.count.per) {
    case Per::comm: return process.comm;
    case Per::exe: return process.exe ? *process.exe : process.comm;
    case Per::user: return std::to_string(process.uid);
    case Per::cgroup: return process.cgroups ? process.cgroups->substr(0, process.cgroups->find('\n')) : "/";
    }
    return {};
}

bool Watch::moved(const Process& before, const Process& after) const {
    return spec_.count.per && value_of(before) != value_of(after);
}

Limits Watch::limits() const {
    return {.min = spec_.count.min,
            .max = spec_.count.max,
            .hold = spec_.count.hold,
            .gather = has_kin_ ? gather : Duration::zero(),
            .settle = spec_.restart.settle};
}

void Watch::enter(const Process& process, Entry how, Turn& turn) {
    const auto value = value_of(process);
    const bool young = how == Entry::forked && judging_;
    const bool added = buckets_[value].census.add(process.id, young ? std::optional(turn.now + youth) : std::nullopt);
    if (added && members_++ == 0) {
        beat_due_from_ = turn.now;
        last_beat_.reset();
    }
    if (added) watch_stalls(process.id, turn);
    restless_.insert(value);
    if (plan_.phase == Plan::Phase::starting && plan_.command_pid == process.id.pid) adopt(turn);
}

void Watch::watch_stalls(const Identity& id, Turn& turn) const {
    if (spec_.hang.silent) turn.out.emplace_back(WatchStalls{.id = id, .threshold = *spec_.hang.silent});
}

void Watch::leave(const Process& process, Turn& turn) {
    const auto* now = turn.desk.table.find(process.id);
    const auto bucket = buckets_.find(value_of(process));
    if (bucket != buckets_.end() && bucket->second.census.on_the_way_out(process.id)) uncount_excess();
    if (now != nullptr) {
        last_loss_ = {.how = fmt::format("pid {} is now {} of uid {}", process.id.pid, now->process.shown_name(),
                                         now->process.uid),
                      .pid = process.id.pid,
                      .at = turn.now,
                      .weight = last_loss_.weight};
    }
    end_findings_of(process.id, turn);
    remove_from_bucket(process, turn);
}

void Watch::lose(const Process& process, const Cause& cause, Time fell, Turn& turn) {
    const auto bucket = buckets_.find(value_of(process));
    const bool excess = bucket != buckets_.end() && bucket->second.census.on_the_way_out(process.id);
    if (!excess) {
        // Who dies of the others' death, as the children of a server do, is not the one to be named; nor one of those
        // that come and go.
        const auto weight = weight_of(cause);
        if (last_loss_.how.empty() || fell - last_loss_.at > one_blow || weight > last_loss_.weight)
            last_loss_ = {.how = fmt::format("pid {} {}", process.id.pid, tell(cause)),
                          .pid = process.id.pid,
                          .at = fell,
                          .weight = weight};
        tell_exit(process, cause, turn);
    }
    end_findings_of(process.id, turn);
    remove_from_bucket(process, turn);
    if (!spec_.restart.possible()) return;
    if (leaving_.size() >= most_leaving) leaving_.erase(leaving_.begin());
    leaving_.push_back(process.id);
}

void Watch::remove_from_bucket(const Process& process, Turn& turn) {
    const auto value = value_of(process);
    const auto bucket = buckets_.find(value);
    if (bucket == buckets_.end() || !bucket->second.census.remove(process.id)) return;
    if (--members_ == 0 && std::exchange(unready_, false)) remember(turn);
    restless_.insert(value);
    plan_.victims.erase(process.id);
    plan_.unheard.erase(process.id);
}

void Watch::snapshot_began() {
    awaiting_ = !judging_;
}

void Watch::start_judging() {
    if (judging_ || !awaiting_) return;
    judging_ = true;
    make_restless();
}

void Watch::make_restless() {
    for (const auto& [value, bucket] : buckets_) {
        restless_.insert(value);
    }
    again_ = true;
}

std::vector<Identity> Watch::members() const {
    std::vector<Identity> ids;
    for (const auto& [value, bucket] : buckets_) {
        bucket.census.for_each([&](const Identity& id) { ids.push_back(id); });
    }
    std::ranges::sort(ids);
    return ids;
}

bool Watch::has(std::uint32_t pid) const {
    bool found = false;
    for (const auto& [value, bucket] : buckets_) {
        bucket.census.for_each([&](const Identity& id) { found = found || id.pid == pid; });
    }
    return found;
}

} // namespace nezuban
