#include "app/event_source.hpp"

namespace nezuban {

Result<EventSource> EventSource::attach(const Features& features, std::uint64_t ring_size) {
    if (auto able = require(features); !able) return std::unexpected(able.error());
    const auto made = [](auto source) -> Result<EventSource> {
        if (!source) return std::unexpected(source.error());
        return EventSource(std::move(*source));
    };
    if (features.mode == Mode::bpf) return made(Lifecycle::attach(features, ring_size));
    if (features.mode == Mode::connector) return made(ProcEvents::open(ring_size));
    return EventSource(std::monostate());
}

int EventSource::descriptor() const {
    if (const auto* lifecycle = std::get_if<Lifecycle>(&source_)) return lifecycle->descriptor();
    if (const auto* events = std::get_if<ProcEvents>(&source_)) return events->descriptor();
    return -1;
}

std::size_t EventSource::drain(std::size_t most, const std::function<void(Stamped)>& sink) {
    if (auto* lifecycle = std::get_if<Lifecycle>(&source_)) return lifecycle->drain(most, sink);
    if (auto* events = std::get_if<ProcEvents>(&source_)) return events->drain(most, sink);
    return 0;
}

std::optional<EventsLost> EventSource::take_losses() {
    if (auto* lifecycle = std::get_if<Lifecycle>(&source_)) return lifecycle->take_losses();
    if (auto* events = std::get_if<ProcEvents>(&source_)) return events->take_losses();
    return std::nullopt;
}

std::uint64_t EventSource::take_skipped() {
    auto* lifecycle = std::get_if<Lifecycle>(&source_);
    return lifecycle == nullptr ? 0 : lifecycle->take_skipped();
}

bool EventSource::take_held() {
    auto* lifecycle = std::get_if<Lifecycle>(&source_);
    return lifecycle != nullptr && lifecycle->take_held();
}

std::optional<Sender> EventSource::stopper_of(const Identity& process) const {
    const auto* lifecycle = std::get_if<Lifecycle>(&source_);
    return lifecycle == nullptr ? std::nullopt : lifecycle->stopper_of(process);
}

ProcLives* EventSource::lives() {
    auto* events = std::get_if<ProcEvents>(&source_);
    return events == nullptr ? nullptr : &events->lives();
}

void EventSource::list_began() {
    if (auto* known = lives()) known->list_began();
}

void EventSource::listed(const SnapshotTask& task) {
    if (auto* known = lives()) known->listed(task);
}

void EventSource::list_ended(bool complete) {
    if (auto* known = lives()) known->list_ended(complete);
}

} // namespace nezuban
