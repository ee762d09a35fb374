#include "act/outputs.hpp"

#include "io/clock.hpp"
#include "io/unix_socket.hpp"

#include <algorithm>
#include <array>

namespace nezuban {

namespace {

constexpr int pieces_at_once = 16; // a full pipe; then the others have their turn

} // namespace

Outputs::~Outputs() {
    for (auto& [id, pipe] : pipes_)
        loop_.forget(pipe.fd.get());
}

Result<void> Outputs::watch(std::uint64_t id, Pipe& pipe) {
    pipe.resting = false;
    return loop_.watch(pipe.fd.get(), ready::in, [this, id](std::uint32_t) { drain(id); });
}

Result<void> Outputs::add(std::uint64_t id, std::string label, Fd pipe, std::function<void()> closed) {
    if (pipes_.size() >= limit) make_room();
    auto tell = [this, label](const std::string& text) { line_(label, text); };
    auto [at, fresh] = pipes_.try_emplace(id, Pipe{.fd = std::move(pipe),
                                                   .label = std::move(label),
                                                   .lines = OutputLines(std::move(tell)),
                                                   .closed = std::move(closed)});
    if (!fresh) return fail("two commands of the same number");
    auto watched = watch(id, at->second);
    if (!watched) pipes_.erase(at);
    return watched;
}

void Outputs::drain(std::uint64_t id) {
    std::array<char, 16384> piece{};
    for (int i = 0; i < pieces_at_once; ++i) {
        auto found = pipes_.find(id);
        if (found == pipes_.end()) return;
        auto& pipe = found->second;
        auto read = read_some(pipe.fd.get(), piece);
        if (read.how == Transfer::later) return;
        if (read.how != Transfer::some) return close(id);
        pipe.lines.add({piece.data(), read.bytes}, monotonic_now());
        if (pipe.lines.resume_at()) {
            loop_.forget(pipe.fd.get());
            pipe.resting = true;
            return;
        }
    }
}

void Outputs::close(std::uint64_t id) {
    auto found = pipes_.find(id);
    if (found == pipes_.end()) return;
    loop_.forget(found->second.fd.get());
    auto node = pipes_.extract(found);
    node.mapped().lines.finish();
    if (node.mapped().closed) node.mapped().closed();
}

void Outputs::abandon(std::uint64_t id) {
    auto found = pipes_.find(id);
    if (found == pipes_.end()) return;
    found->second.abandoned = true;
    found->second.closed = nullptr;
}

void Outputs::make_room() {
    auto oldest = std::ranges::find_if(pipes_, [](const auto& each) { return each.second.abandoned; });
    if (oldest == pipes_.end()) oldest = pipes_.begin();
    line_(oldest->second.label, "its output is not read any more: too many others are open");
    close(oldest->first);
}

void Outputs::advance(Time now) {
    for (auto& [id, pipe] : pipes_) {
        if (!pipe.resting || *pipe.lines.resume_at() > now) continue;
        pipe.lines.add({}, now);
        // Without a descriptor's worth of kernel memory it stays unread, as if nobody had come back to it.
        [[maybe_unused]] auto watched = watch(id, pipe);
    }
}

std::optional<Time> Outputs::next_deadline() const {
    std::optional<Time> next;
    for (const auto& [id, pipe] : pipes_) {
        if (!pipe.resting) continue;
        auto at = *pipe.lines.resume_at();
        if (!next || at < *next) next = at;
    }
    return next;
}

} // namespace nezuban
