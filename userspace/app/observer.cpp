#include "app/observer.hpp"

#include "io/clock.hpp"

#include <utility>
#include <vector>

namespace nezuban {

namespace {

// Records taken before anybody else gets his turn. Few, because the signals that they ask for are sent afterwards: in a
// storm, this is how many are too many meanwhile.
constexpr std::size_t batch = 64;

constexpr std::size_t smallest_record = 64; // bytes of the ring: a change

// What the kernel has skipped is asked of it: 10 µs, so not with each batch. The daemon's loop turns twice a second at
// the least, whatever happens or doesn't.
constexpr Duration between_skipped = std::chrono::milliseconds(100);

// Whoever renames himself all the time has everybody compared this often.
constexpr Duration between_held = std::chrono::seconds(1);

} // namespace

Result<Observer> Observer::attach(const Features& features, std::uint64_t ring_size,
                                  std::unique_ptr<ArgsReader> reader) {
    auto source = EventSource::attach(features, ring_size);
    if (!source) return std::unexpected(source.error());
    auto list = TaskList::open(features);
    if (!list) return std::unexpected(list.error());
    return Observer(std::move(*source), std::move(*list), std::move(reader), 1 + ring_size / smallest_record / batch);
}

void Observer::compare() {
    wanted_ = true;
}

void Observer::tell(Event event, Time time, const Ends& ends) {
    enricher_.enrich(event, ends.needs(event));
    ends.event(event, time);
}

// First of all: what comes after a loss must not be judged as if nothing were missing.
void Observer::tell_losses(const Ends& ends) {
    auto lost = source_.take_losses();
    const auto now = monotonic_now();
    if (now >= look_for_skipped_at_) {
        look_for_skipped_at_ = now + between_skipped;
        if (const auto skipped = source_.take_skipped(); skipped > 0) {
            if (!lost) lost.emplace();
            lost->skipped = skipped;
        }
    }
    if (lost) ends.event(*lost, now);
    if (now >= look_for_held_at_) {
        look_for_held_at_ = now + between_held;
        if (source_.take_held()) compare();
    }
}

Result<bool> Observer::work(const Ends& ends) {
    tell_losses(ends);
    const auto drained =
        source_.drain(batch, [&](Stamped stamped) { tell(std::move(stamped.event), stamped.time, ends); });
    backlog_ = drained == batch;

    if (phase_ == Phase::draining && catch_up_.done(backlog_)) {
        cost_ = spent_;
        end_list(true, ends);
    } else if (phase_ == Phase::reading || (phase_ == Phase::idle && wanted_ && catch_up_.done(backlog_))) {
        const auto used = [this] {
            return own_cpu_time() + (enricher_.reader() == nullptr ? Duration::zero() : enricher_.reader()->cost());
        };
        const auto before = used();
        auto read = read_list(ends);
        spent_ += used() - before;
        if (!read) return std::unexpected(read.error());
    }
    return backlog_ || comparing();
}

void Observer::end_list(bool complete, const Ends& ends) {
    phase_ = Phase::idle;
    catch_up_.begin();
    source_.list_ended(complete);
    if (enricher_.reader() != nullptr) enricher_.reader()->compared(complete);
    ends.event(SnapshotEnded{.complete = complete}, monotonic_now());
}

Result<void> Observer::read_list(const Ends& ends) {
    if (phase_ == Phase::idle) {
        wanted_ = false;
        spent_ = Duration::zero();
        if (auto begun = list_.begin(); !begun) return begun;
        phase_ = Phase::reading;
        source_.list_began();
        ends.event(SnapshotBegan{}, monotonic_now());
    }
    std::vector<Event> listed;
    const auto more = list_.read_slice([&](SnapshotTask task) {
        source_.listed(task);
        listed.emplace_back(std::move(task));
    });
    std::vector<Enricher::Lacking> lacking;
    lacking.reserve(listed.size());
    for (auto& event : listed)
        lacking.push_back({.event = &event, .needs = ends.needs(event)});
    enricher_.enrich(lacking);
    for (const auto& event : listed)
        ends.event(event, monotonic_now());
    if (!more) {
        end_list(false, ends);
        return std::unexpected(more.error());
    }
    if (!*more) {
        phase_ = Phase::draining;
        catch_up_.begin();
    }
    return {};
}

} // namespace nezuban
