#include "app/health_page.hpp"

#include "control/health_reader.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace nezuban {

namespace {

constexpr Duration at_the_latest = std::chrono::milliseconds{500};
// Of a core. With thousands of rules a text takes milliseconds, and every exit of a storm is told.
constexpr int share = 200;
constexpr Duration between_beats = std::chrono::milliseconds{100};
constexpr std::size_t first_capacity = 4096;

} // namespace

void HealthPace::changed(bool at_once) {
    changed_ = true;
    at_once_ = at_once_ || at_once;
}

void HealthPace::published(Time began, Time ended) {
    at_once_ = changed_ = false;
    last_ = ended;
    cost_ = ended - began;
}

Time HealthPace::next() const {
    if (at_once_) return Time{};
    return last_ + (changed_ ? std::min(cost_ * share, at_the_latest) : at_the_latest);
}

Result<HealthPage> HealthPage::open(const std::string& socket, const std::string& config) {
    auto path = health_path(socket);
    auto page = SharedPage::create(path, first_capacity);
    if (!page) return std::unexpected(page.error().in("opening the health page"));
    std::error_code error;
    const auto absolute = std::filesystem::absolute(config, error).lexically_normal().string();
    return HealthPage(std::move(path), absolute, std::move(*page));
}

void HealthPage::told(const Incident& incident) {
    pace_.changed(incident.happening == Happening::escalated);
}

Result<void> HealthPage::turn(Time now, const std::function<HealthText()>& view) {
    if (now - beat_ >= between_beats) {
        page_.beat(now);
        beat_ = now;
    }
    if (now < pace_.next()) return {};
    const auto began = monotonic_now();
    auto published = publish(view());
    pace_.published(began, monotonic_now());
    return published;
}

Result<void> HealthPage::end(HealthText text, std::string words) {
    text.ended = std::move(words);
    return publish(std::move(text));
}

Result<void> HealthPage::publish(HealthText text) {
    text.config = config_;
    auto written = write(std::move(text));
    const bool said = std::exchange(failing_, !written);
    return said && !written ? Result<void>{} : written;
}

Result<void> HealthPage::write(HealthText text) {
    const auto room = longest_text(text);
    if (room <= page_.capacity() && !page_.lost()) return page_.publish(to_text(text));
    // A reload has brought more rules, or somebody has tidied up: the only moments in which memory is asked for.
    auto next = SharedPage::create(path_, room + room / 2);
    if (next) {
        page_ = std::move(*next);
        page_.beat(beat_);
        return page_.publish(to_text(text));
    }
    // Nothing can be told rather than a part of it.
    text.view = {};
    text.blind = next.error().text;
    if (auto written = page_.publish(to_text(text)); !written) return written;
    return std::unexpected(next.error());
}

} // namespace nezuban
