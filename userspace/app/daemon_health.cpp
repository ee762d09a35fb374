// What the daemon says of itself without being asked, and how it knows.
#include "app/daemon.hpp"
#include "io/clock.hpp"
#include "io/own_process.hpp"

#include <utility>

#include <fmt/format.h>

namespace nezuban {

Result<void> Daemon::open_health_page() {
    auto page = HealthPage::open(parts_.spec.daemon.socket, parts_.config_path);
    if (!page) return std::unexpected(page.error());
    health_ = std::move(*page);
    if (!health_->weakness().empty()) parts_.store.log(Severity::warning, health_->weakness());
    return {};
}

void Daemon::watch_ourselves() {
    const auto step = watchdog_.advance(now_, parts_.observer.backlog(), !blind_.empty());
    if (step.missing) {
        parts_.store.log(Severity::error, "the kernel's events do not reach us any more: our own did not come back");
        act(Resync{"our own event did not come back"});
    }
    if (!step.send) return;
    // Without events: that no comparison is under way is what the last one's end proved.
    if (parts_.observer.descriptor() >= 0)
        repeat_own_name();
    else if (seen_ && !parts_.observer.comparing())
        canary_came_back();
}

void Daemon::canary_came_back() {
    const auto [tell, again] = watchdog_.came_back(now_);
    if (tell && !manager_.tell_alive()) watchdog_.untold(now_);
    if (again) parts_.store.log(Severity::info, "the kernel's events reach us again");
}

std::string Daemon::why_blind() const {
    if (!blind_.empty()) return blind_;
    const auto deaf = watchdog_.deaf_for(now_);
    return deaf ? fmt::format("the kernel's events have not reached the daemon for {:.0f} s", seconds_of(*deaf)) : "";
}

void Daemon::publish_health() {
    const auto published = health_->turn(monotonic_now(), [this] {
        return HealthText{
            .view = parts_.engine.view(now_, Detail::health), .config = {}, .blind = why_blind(), .ended = {}};
    });
    if (!published) parts_.store.log(Severity::error, published.error().text);
}

void Daemon::say_last_words() {
    auto words = fmt::format("it ended with exit code {}", *exit_code_);
    if (!quit_why_.empty()) words += ": " + quit_why_;
    auto said = health_->end(
        {.view = parts_.engine.view(now_, Detail::health), .config = {}, .blind = why_blind(), .ended = {}}, words);
    if (!said) parts_.store.log(Severity::error, said.error().text);
}

} // namespace nezuban
