#include "control/health_reader.hpp"

#include "io/clock.hpp"
#include "io/shared_page.hpp"

#include <cerrno>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr Duration between_looks = std::chrono::milliseconds{10};

// What it said at its end: "the daemon is not running: it ended with exit code 10: scanner: ...".
std::string last_words(const PageCopy& page) {
    const auto text = parse_health_text(page.text);
    return text && !text->ended.empty() ? ": " + text->ended : std::string{};
}

} // namespace

std::string health_path(const std::string& socket) {
    return std::filesystem::path(socket).replace_extension("health").string();
}

Doubt doubt_about(const std::optional<ProcessState>& writer, std::uint64_t started, Time beat, Time now) {
    if (!writer || writer->started != started || !writer->alive()) return {.why = "the daemon is not running"};
    if (writer->letter == 'T') return {.why = "the daemon is stopped (SIGSTOP)"};
    if (writer->letter == 't') return {.why = "the daemon is held by a debugger"};
    const auto age = now - beat;
    if (age >= Duration::zero() && age <= beat_holds) return {};
    return {.why = fmt::format("the daemon has not turned for {:.1f} s", seconds_of(age)), .wait = true};
}

Result<HealthText> look_at_health(const std::string& path) {
    const auto page = read_shared_page(path);
    if (!page) {
        const auto& [text, number] = page.error();
        if (number == ENOENT) return fail("the daemon is not running: there is no " + path, ENOENT);
        // A damaged one is mended by the next text, if there is anybody to write it.
        return fail(text, number == EBADMSG ? EAGAIN : number);
    }
    const auto doubt = doubt_about(read_process_state(page->pid), page->started, page->beat, monotonic_now());
    if (doubt.wait) return fail(doubt.why, EAGAIN);
    if (!doubt.why.empty()) return fail(doubt.why + last_words(*page), ESRCH);
    // A page is there, and beaten, before its first text: at the start, and when a reload needs a larger one.
    if (page->text.empty()) return fail("the daemon has not said anything yet", EAGAIN);
    return parse_health_text(page->text);
}

Health read_health(const std::string& path, const std::vector<std::string>& names, HealthStyle style, Time deadline) {
    for (;;) {
        const auto seen = look_at_health(path);
        if (seen) return health_of(seen->view, names, style, seen->blind);
        if (seen.error().number != EAGAIN || monotonic_now() >= deadline)
            return health_unknown(style, seen.error().text);
        std::this_thread::sleep_for(between_looks);
    }
}

} // namespace nezuban
