#include "app/reloads.hpp"

#include "app/told_sources.hpp"
#include "core/tell.hpp"
#include "io/clock.hpp"

#include <utility>

#include <fmt/format.h>

namespace nezuban {

Reloads::Reloads(Loop& loop, std::string path, Sources sources, Ends ends, Duration patience)
    : loop_(loop), path_(std::move(path)), sources_(std::move(sources)), ends_(std::move(ends)), patience_(patience) {}

Reloads::~Reloads() {
    if (errand_) loop_.forget(errand_->descriptor());
}

void Reloads::ask(Reply reply) {
    if (next_.size() >= queue_limit) return reply(refusal("too many reloads are waiting for one that is under way"));
    next_.push_back(std::move(reply));
    if (!errand_) begin();
}

void Reloads::begin() {
    while (!errand_ && !next_.empty()) {
        waiting_ = std::exchange(next_, {});
        ends_.begun();
        if (auto sent = send(); !sent) settle(std::unexpected(sent.error()));
    }
}

Result<void> Reloads::send() {
    // In a look that even SIGKILL doesn't end the child outlives us, and must hold nothing of ours.
    auto errand = Errand::send([this](const Errand::Say& say) { tell_sources(path_, sources_, say); },
                               Errand::Descriptors::closed);
    if (!errand) return std::unexpected(errand.error());
    deadline_ = monotonic_now() + patience_;
    auto watched = loop_.watch(errand->descriptor(), ready::in, [this](std::uint32_t) {
        if (!errand_->take()) end("who asked was killed");
    });
    if (watched) errand_ = std::move(*errand);
    return watched;
}

void Reloads::advance(Time now) {
    if (errand_ && deadline_ <= now) end("no answer within " + tell(patience_));
}

void Reloads::end(const std::string& why_cut_off) {
    loop_.forget(errand_->descriptor());
    const auto brought = errand_->wait(monotonic_now()); // what is there by now
    errand_.reset();
    auto sources = told_sources(brought.text, brought.whole);
    if (sources)
        sources->refuses = sources_.refuses;
    else
        sources.error().text += ": " + why_cut_off;
    settle(sources);
    begin();
}

void Reloads::settle(const Result<Sources>& sources) {
    const auto waiting = std::exchange(waiting_, {});
    const auto response = ends_.read(sources);
    for (const auto& reply : waiting)
        reply(response);
}

void Reloads::stop(const Response& response) {
    if (errand_) loop_.forget(errand_->descriptor());
    errand_.reset();
    for (const auto& all : {std::exchange(waiting_, {}), std::exchange(next_, {})}) {
        for (const auto& reply : all)
            reply(response);
    }
}

} // namespace nezuban
