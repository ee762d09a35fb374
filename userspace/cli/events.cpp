#include "cli/verbs.hpp"
#include "core/date.hpp"
#include "core/fact_json.hpp"
#include "core/incident.hpp"
#include "io/clock.hpp"
#include "io/watch_file.hpp"
#include "report/history.hpp"
#include "report/incident_json.hpp"
#include "report/state_dir.hpp"

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

constexpr std::size_t page = 1000; // entries in memory at a time
constexpr std::size_t shown_before_following = 10;
constexpr Duration look_anyway = std::chrono::seconds{2}; // where nobody tells of changes: a network file system

// The line of the log that was written when it happened, with its date; what isn't understood is shown as it is.
std::string as_text(const HistoryEntry& entry) {
    const auto json = nlohmann::ordered_json::parse(entry.json, nullptr, false);
    const auto date = format_time(entry.time).substr(0, 23) + "Z"; // milliseconds are enough for reading
    const auto happening = happening_named(entry.event);
    if (!json.is_object() || !happening || !json.contains("reason") || !json["reason"].is_string())
        return fmt::format("{}  {}", date, entry.json);
    Incident incident;
    incident.happening = *happening;
    incident.rule = entry.rule;
    incident.reason = json["reason"].get<std::string>();
    if (const auto evidence = json.find("evidence"); evidence != json.end()) incident.evidence = facts_of(*evidence);
    return fmt::format("{}  {}", date, to_text(incident));
}

class Reader {
public:
    Reader(const Options& options, std::string path, std::optional<WallTime> since, std::ostream& out)
        : options_(options), path_(std::move(path)), out_(out) {
        filter_.since = since;
        if (!options.rule.empty()) filter_.rule = options.rule;
    }

    Result<void> begin() {
        const auto history = History::open_for_reading(path_);
        if (!history) return std::unexpected(history.error());
        auto last = options_.last ? std::optional<std::size_t>(*options_.last) : std::nullopt;
        if (options_.follow && !last && !filter_.since) last = shown_before_following;
        if (!last) return print_behind(*history);

        const auto newest = newest_row(*history);
        if (!newest) return std::unexpected(newest.error());
        row_ = *newest;
        auto filter = filter_;
        filter.limit = last;
        if (*last > 0) return print(history->query(filter));
        return {};
    }
    // What came since. The file may have been replaced by a fresh one, whose rows begin anew.
    Result<void> go_on() {
        const auto history = History::open_for_reading(path_);
        if (!history) return std::unexpected(history.error());
        const auto newest = newest_row(*history);
        if (!newest) return std::unexpected(newest.error());
        if (*newest < row_) row_ = 0;
        return print_behind(*history);
    }

private:
    static Result<std::int64_t> newest_row(const History& history) {
        HistoryFilter filter;
        filter.limit = 1;
        const auto entries = history.query(filter);
        if (!entries) return std::unexpected(entries.error());
        return entries->empty() ? 0 : entries->back().row;
    }
    Result<void> print_behind(const History& history) {
        for (std::size_t printed = page; printed == page && out_;) {
            auto filter = filter_;
            filter.after = row_;
            filter.limit = page;
            const auto entries = history.query(filter);
            if (auto done = print(entries); !done) return done;
            printed = entries->size();
        }
        return {};
    }
    Result<void> print(const Result<std::vector<HistoryEntry>>& entries) {
        if (!entries) return std::unexpected(entries.error());
        for (const auto& entry : *entries) {
            out_ << (options_.json ? entry.json : as_text(entry)) << '\n';
            row_ = std::max(row_, entry.row);
        }
        out_.flush();
        return {};
    }

    const Options& options_;
    std::string path_;
    std::ostream& out_;
    HistoryFilter filter_;
    std::int64_t row_ = 0; // everything up to here has been shown
};

int failed(std::ostream& err, const Error& error) {
    err << fmt::format("nezuban: {}\n", error.text);
    return error.number == EACCES || error.number == EPERM ? exit_not_permitted : exit_refused;
}

} // namespace

int run_events(const Options& options, std::ostream& out, std::ostream& err) {
    std::optional<WallTime> since;
    if (!options.since.empty()) {
        const auto parsed = parse_time(options.since, clock_pair().wall);
        if (!parsed) {
            err << fmt::format("nezuban: --since: {}\n", parsed.error().text);
            return exit_usage;
        }
        since = *parsed;
    }
    const auto directory = daemon_of(options).state_dir;
    Reader reader(options, history_path(directory), since, out);

    // Before the first look, so that nothing which comes after it is missed.
    std::optional<DirectoryWatch> watch;
    if (options.follow) {
        auto opened = DirectoryWatch::open(directory);
        if (!opened) return failed(err, opened.error());
        watch = std::move(*opened);
    }
    if (const auto begun = reader.begin(); !begun && (!watch || begun.error().number != ENOENT))
        return failed(err, begun.error());
    while (watch && out) {
        watch->wait(look_anyway);
        if (const auto gone_on = reader.go_on(); !gone_on && gone_on.error().number != ENOENT)
            return failed(err, gone_on.error());
    }
    return 0;
}

} // namespace nezuban
