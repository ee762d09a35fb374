#include "cli/verbs.hpp"
#include "core/incident.hpp"
#include "report/history.hpp"
#include "report/incident_json.hpp"
#include "report/state_dir.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <future>
#include <ostream>
#include <sstream>
#include <streambuf>
#include <string>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;

namespace {

constexpr ClockPair clocks{.monotonic = Time{}, .wall = WallTime{1'772'366'400s}}; // 2026-03-01T12:00:00Z

// A state directory with a history that somebody writes.
struct Archive {
    test::TempDir directory;
    Options options;
    std::ostringstream out;
    std::ostringstream err;

    Archive() {
        options.config = directory.write("n.toml", "[daemon]\nstate_dir = \"" + directory.file("state") + "\"\n");
        std::filesystem::create_directory(directory.file("state"));
    }
    void happens(Duration since, std::string rule, std::string reason) const {
        const Incident incident{.time = clocks.monotonic + since,
                                .happening = Happening::under,
                                .rule = rule,
                                .reason = std::move(reason),
                                .evidence = {{"pid", "7"}}};
        auto history = History::open_for_writing(history_path(directory.file("state")), 1U << 20U);
        REQUIRE(history.has_value());
        const HistoryEntry entry{.row = 0,
                                 .time = clocks.to_wall(incident.time),
                                 .rule = rule,
                                 .event = std::string{name_of(incident.happening)},
                                 .json = to_json(incident, clocks)};
        REQUIRE(history->write({&entry, 1}, {}).has_value());
    }
    int read() {
        out.str({});
        return run_events(options, out, err);
    }
};

// Standard output that breaks once this was written: the way that `nezuban events -f | head` ends.
class Head : public std::streambuf {
public:
    explicit Head(std::string last) : last_(std::move(last)) {}
    std::promise<void> first; // kept when anything was written

    [[nodiscard]] const std::string& text() const {
        return text_;
    }

protected:
    int overflow(int c) override {
        const char byte = static_cast<char>(c);
        return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
    }
    std::streamsize xsputn(const char* bytes, std::streamsize size) override {
        if (text_.find(last_) != std::string::npos) return 0;
        if (text_.empty()) first.set_value();
        text_.append(bytes, static_cast<std::size_t>(size));
        return size;
    }

private:
    std::string last_;
    std::string text_;
};

} // namespace

TEST_CASE("what happened is told oldest first, by date, rule and reason") {
    Archive archive;
    archive.happens(0s, "scanner", "0 running");
    archive.happens(1500ms, "db", "\x1b[2J");
    CHECK(archive.read() == 0);
    CHECK(archive.out.str()
          == "2026-03-01T12:00:00.000Z  scanner: under: 0 running; pid: 7\n"
             "2026-03-01T12:00:01.500Z  db: under: ?[2J; pid: 7\n");
    archive.options.json = true;
    CHECK(archive.read() == 0);
    CHECK(archive.out.str().starts_with("{\"time\":\"2026-03-01T12:00:00.000000000Z\",\"rule\":\"scanner\","));
    CHECK(archive.err.str().empty());
}

TEST_CASE("the history can be asked for a rule, a time and the last few") {
    Archive archive;
    for (int i = 0; i < 5; ++i)
        archive.happens(i * 1h, i % 2 == 0 ? "even" : "odd", "number " + std::to_string(i));
    const auto numbers = [&] {
        REQUIRE(archive.read() == 0);
        std::string found;
        const auto text = archive.out.str();
        for (auto at = text.find("number "); at != std::string::npos; at = text.find("number ", at + 1))
            found += text.at(at + 7);
        return found;
    };
    CHECK(numbers() == "01234");
    archive.options.rule = "odd";
    CHECK(numbers() == "13");
    archive.options.last = 1;
    CHECK(numbers() == "3");
    archive.options.rule.clear();
    archive.options.last = 3;
    CHECK(numbers() == "234");
    archive.options.last = 0;
    CHECK(numbers().empty());
    archive.options.last.reset();
    archive.options.since = "2026-03-01T15:00:00Z";
    CHECK(numbers() == "34");
}

TEST_CASE("a history of many pages is told whole") {
    Archive archive;
    auto history = History::open_for_writing(history_path(archive.directory.file("state")), 8U << 20U);
    REQUIRE(history.has_value());
    std::vector<HistoryEntry> entries(2500, {.time = clocks.wall, .rule = "r", .event = "under", .json = "{}"});
    REQUIRE(history->write(entries, {}).has_value());
    archive.options.json = true;
    CHECK(archive.read() == 0);
    CHECK(archive.out.str().size() == 2500 * 3);
}

TEST_CASE("no history and a senseless date are said") {
    Archive archive;
    CHECK(archive.read() == 1);
    CHECK(archive.err.str().find("history") != std::string::npos);
    archive.options.since = "the other day";
    archive.err.str({});
    CHECK(archive.read() == 2);
    CHECK(archive.err.str().starts_with("nezuban: --since: "));
}

TEST_CASE("following tells the last few and then what comes, also when the history begins only then") {
    Archive archive;
    archive.options.follow = true;
    for (int i = 0; i < 12; ++i)
        archive.happens(i * 1s, "r", "number " + std::to_string(i) + ".");
    Head head("the end");
    auto first = head.first.get_future();
    std::ostream out(&head);
    auto exit_code = std::async(std::launch::async, [&] { return run_events(archive.options, out, archive.err); });
    first.wait();
    archive.happens(20s, "r", "the end");
    archive.happens(21s, "r", "behind the end");
    CHECK(exit_code.get() == 0);
    CHECK(head.text().find("number 1.") == std::string::npos);
    CHECK(head.text().find("number 2.") != std::string::npos);
    CHECK(head.text().find("number 11.") < head.text().find("the end"));
}
