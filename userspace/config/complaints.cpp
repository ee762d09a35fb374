#include "config/complaints.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include <fmt/format.h>

namespace nezuban {

namespace {

// What one line in [defaults] does to every rule is said once.
template <typename Entry> void keep(std::vector<Entry>& kept, std::size_t& dropped, Entry entry) {
    if (std::ranges::find(kept, entry) != kept.end()) return;
    if (kept.size() < Complaints::limit) {
        kept.push_back(std::move(entry));
    } else {
        ++dropped;
    }
}

} // namespace

unsigned Complaints::add_file(std::string name) {
    files_.push_back(std::move(name));
    return static_cast<unsigned>(files_.size() - 1);
}

const std::string& Complaints::file(unsigned number) const {
    return files_[number];
}

void Complaints::error(Place place, std::string text, std::string hint) {
    keep(errors_, dropped_errors_, Entry{place, Diagnostic::Level::error, std::move(text), std::move(hint)});
}

void Complaints::warning(Place place, std::string text, std::string hint) {
    keep(warnings_, dropped_warnings_, Entry{place, Diagnostic::Level::warning, std::move(text), std::move(hint)});
}

std::vector<Diagnostic> Complaints::take() {
    auto entries = std::move(errors_);
    auto dropped = dropped_errors_ + dropped_warnings_;
    const auto room = std::min(limit - entries.size(), warnings_.size());
    dropped += warnings_.size() - room;
    std::move(warnings_.begin(), warnings_.begin() + static_cast<std::ptrdiff_t>(room), std::back_inserter(entries));
    std::ranges::sort(entries, {}, [](const Entry& entry) { return std::tie(entry.place, entry.level, entry.text); });

    std::vector<Diagnostic> result;
    result.reserve(entries.size() + 1);
    for (auto& entry : entries) {
        result.push_back({.level = entry.level,
                          .file = files_[entry.place.file],
                          .line = entry.place.line,
                          .column = entry.place.column,
                          .text = std::move(entry.text),
                          .hint = std::move(entry.hint)});
    }
    if (dropped > 0) {
        auto last = result.back();
        last.level = dropped_errors_ > 0 ? Diagnostic::Level::error : Diagnostic::Level::warning;
        last.text = fmt::format("and {} more", dropped);
        last.hint.clear();
        result.push_back(std::move(last));
    }
    return result;
}

} // namespace nezuban
