#include "report/ledger.hpp"

#include "report/state_dir.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

namespace nezuban {

using namespace std::chrono_literals;

namespace {

constexpr Duration first_pause = 1s;
constexpr Duration longest_pause = 60s;

std::size_t size_of(const HistoryEntry& entry) {
    return entry.json.size() + entry.rule.size() + 100;
}

} // namespace

void Ledger::add(wire::Note note) {
    last_ = note.number;
    if (note.kind == wire::Note::Kind::memory) {
        StoredMemory memory{.rule = note.rule, .json = std::move(note.json)};
        memories_[note.rule] = std::move(memory);
    }
    if (note.kind != wire::Note::Kind::incident) return;
    waiting_.push_back({.number = note.number,
                        .entry = {.time = note.time,
                                  .rule = std::move(note.rule),
                                  .event = std::move(note.event),
                                  .json = std::move(note.json)}});
    bytes_ += size_of(waiting_.back().entry);
    // A batch may be larger than what is kept, as long as it can be written.
    while (!error_.empty() && (waiting_.size() > entry_limit || bytes_ > byte_limit)) {
        bytes_ -= size_of(waiting_.front().entry);
        waiting_.pop_front();
        ++dropped_;
        ++dropped_untold_;
    }
}

// What a file knew that is no more is written into the one that takes its place.
Result<void> Ledger::open() {
    if (auto made = make_state_dir(std::filesystem::path(path_).parent_path()); !made) return made;
    auto opened = History::open_for_writing(path_, size_limit_);
    if (!opened) return std::unexpected(opened.error());
    if (!opened->set_aside().empty()) tell_(Severity::error, "history: " + opened->set_aside());
    auto stored = opened->stored_memories();
    if (!stored) return std::unexpected(stored.error());
    auto missing = known_;
    for (auto& each : *stored) {
        missing.erase(each.rule);
        auto rule = each.rule;
        known_.try_emplace(std::move(rule), std::move(each));
    }
    for (auto& [rule, each] : missing)
        memories_.try_emplace(rule, std::move(each));
    history_ = std::move(*opened);
    return {};
}

Result<void> Ledger::try_to_write() {
    // Else all that comes would go to a file that nobody can find, and be lost without a word.
    if (history_ && !history_->in_place()) {
        tell_(Severity::error, "history: " + path_ + " was taken away; a fresh one is begun");
        history_.reset();
    }
    if (!history_) {
        if (auto opened = open(); !opened) return opened;
    }
    std::vector<HistoryEntry> entries;
    entries.reserve(waiting_.size());
    for (const auto& each : waiting_)
        entries.push_back(each.entry);
    std::vector<StoredMemory> memories;
    memories.reserve(memories_.size());
    for (const auto& [rule, each] : memories_)
        memories.push_back(each);
    auto written = history_->write(entries, memories);
    if (!written) history_.reset(); // opened anew it is checked, and set aside when it is damaged
    return written;
}

void Ledger::write(Time now) {
    if (retry_at_ && now < *retry_at_) return;
    if (idle() && history_) return; // without a history: open it now, to know whether that can be done
    auto written = try_to_write();
    if (written) {
        succeeded();
    } else {
        failed(written.error(), now);
    }
}

void Ledger::failed(const Error& error, Time now) {
    if (error_ != error.text) tell_(Severity::error, "history: " + error.text + "; monitoring goes on");
    error_ = error.text;
    pause_ = pause_ == Duration::zero() ? first_pause : std::min(pause_ * 2, longest_pause);
    retry_at_ = now + pause_;
}

void Ledger::succeeded() {
    if (!error_.empty()) {
        tell_(Severity::warning, fmt::format("history: it is written again, {} incidents were dropped meanwhile",
                                             std::exchange(dropped_untold_, 0)));
    }
    waiting_.clear();
    bytes_ = 0;
    for (auto& [rule, each] : memories_) {
        if (each.json.empty()) {
            known_.erase(rule);
        } else {
            known_.insert_or_assign(rule, std::move(each));
        }
    }
    memories_.clear();
    error_.clear();
    pause_ = Duration::zero();
    retry_at_.reset();
}

bool Ledger::finish() {
    if (idle()) return true;
    auto written = try_to_write();
    if (written) {
        succeeded();
        return true;
    }
    tell_(Severity::error, fmt::format("history: {}; {} incidents and the state of {} rules are lost",
                                       written.error().text, waiting_.size(), memories_.size()));
    return false;
}

std::optional<Time> Ledger::next_try() const {
    return retry_at_;
}

wire::Health Ledger::health() const {
    return {.done = last_,
            .kept = waiting_.empty() ? last_ : waiting_.front().number - 1,
            .dropped = dropped_,
            .error = error_};
}

} // namespace nezuban
