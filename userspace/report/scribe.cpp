#include "report/scribe.hpp"

#include "io/clock.hpp"
#include "io/unix_socket.hpp"
#include "report/history.hpp"
#include "report/incident_json.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

namespace nezuban {

using namespace std::chrono_literals;

namespace {

constexpr int socket_bytes = 4 << 20;           // what is in the socket survives us
constexpr std::size_t text_limit = 64UL << 10U; // of one message
constexpr std::size_t send_piece = 64UL << 10U;
constexpr auto silence_limit = 10s; // then the scribe, or its disk, is stuck

} // namespace

Scribe::~Scribe() {
    detach();
}

Result<void> Scribe::attach(Fd socket) {
    detach();
    enlarge_send_buffer(socket.get(), socket_bytes);
    auto watched = loop_.watch(socket.get(), ready::in, [this](std::uint32_t events) {
        if ((events & ready::out) != 0) send();
        if ((events & ~ready::out) != 0) receive();
    });
    if (!watched) return watched;
    socket_ = std::move(socket);
    forget_memories();
    memories_ = latest_;
    make_up();
    send();
    return {};
}

void Scribe::detach() {
    if (!socket_) return;
    loop_.forget(socket_.get());
    socket_.reset();
    received_ = {};
    dropped_by_the_dead_ += told_.dropped;
    told_ = {};
    sent_ = 0;
    offset_ = 0;
    take_back();
}

// What it had and could not write is for the next one, but in the log already.
void Scribe::take_back() {
    for (; !held_.empty(); held_.pop_back()) {
        auto& last = held_.back();
        wire::mark_logged(last.bytes);
        last.counted = 0;
        last.since = monotonic_now();
        messages_.push_front(std::move(last));
    }
}

// What waits is told anew with all the others: one copy for each scribe that dies at once would fill the place.
void Scribe::forget_memories() {
    std::erase_if(messages_, [this](const Message& message) {
        if (message.kind != wire::Note::Kind::memory) return false;
        bytes_ -= message.counted;
        return true;
    });
}

void Scribe::log(Severity severity, const std::string& text) {
    add({.kind = wire::Note::Kind::log,
         .severity = severity,
         .time = clock_pair().wall,
         .text = text.substr(0, text_limit)},
        true);
}

void Scribe::incident(const Incident& incident) {
    auto clocks = clock_pair();
    auto json = to_json(incident, clocks);
    if (json.size() > text_limit) {
        auto smaller = incident;
        smaller.reason.resize(std::min<std::size_t>(smaller.reason.size(), 4096));
        smaller.evidence = {{"left_out", "it was too long"}};
        json = to_json(smaller, clocks);
    }
    add({.kind = wire::Note::Kind::incident,
         .severity = severity_of(incident.happening),
         .time = clocks.to_wall(incident.time),
         .text = to_text(incident).substr(0, text_limit),
         .rule = incident.rule,
         .event = std::string(name_of(incident.happening)),
         .json = std::move(json)},
        true);
}

void Scribe::remember(const RuleMemory& memory) {
    auto clocks = clock_pair();
    auto stored = to_stored(memory, clocks, boot_);
    wire::Note note{.kind = wire::Note::Kind::memory,
                    .time = clocks.wall,
                    .rule = std::move(stored.rule),
                    .json = std::move(stored.json)};
    // One that waits already must not come after this one.
    latest_[note.rule] = note;
    if (memories_.contains(note.rule) || full(note.json.size())) {
        auto rule = note.rule;
        memories_[rule] = std::move(note);
        return;
    }
    add(std::move(note), false);
}

bool Scribe::full(std::size_t more, std::size_t share) const {
    return messages_.size() >= message_limit / share || bytes_ + more > byte_limit / share;
}

void Scribe::add(wire::Note note, bool droppable) {
    note.number = next_number_;
    auto bytes = wire::encode(note);
    // What commands print by the gigabyte comes as lines of the log: it must not take the place of incidents.
    const std::size_t share = note.kind == wire::Note::Kind::log ? 2 : 1;
    if (droppable && full(bytes.size(), share)) {
        ++dropped_;
        ++dropped_untold_;
        return;
    }
    ++next_number_;
    const auto size = bytes.size();
    bytes_ += size;
    messages_.push_back({.number = note.number,
                         .kind = note.kind,
                         .bytes = std::move(bytes),
                         .counted = size,
                         .since = monotonic_now()});
    // While others are before it the loop sends it with them, many at a time.
    if (socket_ && sent_ + 1 == messages_.size()) send();
}

void Scribe::send() {
    while (socket_ && sent_ < messages_.size()) {
        std::string piece;
        for (auto i = sent_; i < messages_.size() && piece.size() < send_piece; ++i) {
            piece.append(messages_[i].bytes, i == sent_ ? offset_ : 0);
        }
        auto written = write_some(socket_.get(), piece);
        if (written.how != Transfer::some) break; // a dead scribe shows on reading, after its last words
        offset_ += written.bytes;
        while (sent_ < messages_.size() && offset_ >= messages_[sent_].bytes.size()) {
            offset_ -= messages_[sent_].bytes.size();
            ++sent_;
        }
    }
    if (!socket_) return;
    [[maybe_unused]] auto changed =
        loop_.modify(socket_.get(), sent_ < messages_.size() ? ready::in | ready::out : ready::in);
}

void Scribe::receive() {
    std::array<char, 4096> piece{};
    for (;;) {
        auto read = read_some(socket_.get(), piece);
        if (read.how == Transfer::later) return;
        if (read.how == Transfer::some) received_.add({piece.data(), read.bytes});
        while (auto frame = received_.next()) {
            if (auto health = wire::decode_health(*frame)) confirmed(*health);
        }
        if (read.how == Transfer::some && !received_.broken()) continue;
        detach();
        return died_();
    }
}

void Scribe::confirmed(const wire::Health& health) {
    told_ = health;
    while (sent_ > 0 && messages_.front().number <= health.done) {
        auto& first = messages_.front();
        bytes_ -= first.counted;
        if (first.kind == wire::Note::Kind::incident && first.number > health.kept) held_.push_back(std::move(first));
        messages_.pop_front();
        --sent_;
    }
    while (!held_.empty() && held_.front().number <= health.kept)
        held_.pop_front();
    make_up();
}

// There is room again for what found none.
void Scribe::make_up() {
    while (!memories_.empty() && !full(memories_.begin()->second.json.size())) {
        auto node = memories_.extract(memories_.begin());
        add(std::move(node.mapped()), false);
    }
    if (dropped_untold_ == 0 || messages_.size() > message_limit / 4 || bytes_ > byte_limit / 4) return;
    auto count = std::exchange(dropped_untold_, 0);
    log(Severity::error, fmt::format("{} incidents and log lines were dropped: they came faster than they could be "
                                     "written",
                                     count));
}

ScribeHealth Scribe::health() const {
    ScribeHealth health{.attached = static_cast<bool>(socket_),
                        .error = told_.error,
                        .dropped = dropped_ + dropped_by_the_dead_ + told_.dropped,
                        .waiting = messages_.size() + memories_.size() + held_.size()};
    auto silence = messages_.empty() ? Duration::zero() : monotonic_now() - messages_.front().since;
    if (!health.attached) {
        health.error = "the scribe is not running";
    } else if (health.error.empty() && silence > silence_limit) {
        health.error = fmt::format("the scribe has not written anything for {} s",
                                   std::chrono::duration_cast<std::chrono::seconds>(silence).count());
    }
    return health;
}

void Scribe::flush(Duration patience) {
    auto deadline = monotonic_now() + patience;
    send();
    while (socket_ && (sent_ < messages_.size() || !memories_.empty())) {
        auto left = deadline - monotonic_now();
        if (left <= Duration::zero()) return;
        // Its confirmations make room for what waits.
        if (!wait_ready(socket_.get(), sent_ < messages_.size() ? ready::in | ready::out : ready::in, left)) return;
        receive();
        send();
    }
}

} // namespace nezuban
