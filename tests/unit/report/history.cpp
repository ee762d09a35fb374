#include "report/history.hpp"

#include "support/skip.hpp"
#include "support/small_disk.hpp"
#include "support/temp_dir.hpp"

#include <cerrno>
#include <csignal>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t mebibyte = 1UL << 20U;

HistoryEntry entry(int second, const std::string& rule = "scanner", std::size_t size = 0) {
    return {.time = WallTime(std::chrono::seconds(second)),
            .rule = rule,
            .event = "exit",
            .json = "{\"n\":" + std::to_string(second) + ",\"x\":\"" + std::string(size, 'x') + "\"}"};
}

std::vector<long> seconds_in(const Result<std::vector<HistoryEntry>>& entries) {
    std::vector<long> seconds;
    for (const auto& each : entries.value())
        seconds.push_back(each.time.time_since_epoch() / 1s);
    return seconds;
}

void put(History& history, int second, const std::string& rule = "scanner") {
    std::vector entries{entry(second, rule)};
    REQUIRE(history.write(entries, {}));
}

} // namespace

TEST_CASE("what was written is read, filtered, oldest first") {
    TempDir scratch;
    auto path = scratch / "history.db";
    auto history = History::open_for_writing(path, mebibyte).value();
    for (int i = 1; i <= 5; ++i)
        put(history, i, i % 2 == 0 ? "even" : "odd");

    auto all = history.query({}).value();
    REQUIRE(all.size() == 5);
    CHECK(all[0].json == entry(1).json);
    CHECK(all[0].rule == "odd");
    CHECK(all[0].event == "exit");
    CHECK(seconds_in(history.query({.since = WallTime(3s)})) == std::vector<long>{3, 4, 5});
    CHECK(seconds_in(history.query({.rule = "even"})) == std::vector<long>{2, 4});
    CHECK(seconds_in(history.query({.limit = 2})) == std::vector<long>{4, 5});
    CHECK(seconds_in(history.query({.since = WallTime(2s), .rule = "odd", .limit = 1})) == std::vector<long>{5});
    CHECK(seconds_in(history.query({.limit = 2, .after = all[1].row})) == std::vector<long>{3, 4});
}

TEST_CASE("it is read while it is written, while the writer is down, and not before there is one") {
    TempDir scratch;
    auto path = scratch / "history.db";
    CHECK(History::open_for_reading(path).error().number == ENOENT);
    auto writer = std::optional(History::open_for_writing(path, mebibyte).value());
    put(*writer, 1);
    auto reader = History::open_for_reading(path).value();
    CHECK(seconds_in(reader.query({})) == std::vector<long>{1});
    put(*writer, 2);
    CHECK(seconds_in(reader.query({})) == std::vector<long>{1, 2});
    writer.reset();
    CHECK(seconds_in(History::open_for_reading(path).value().query({})) == std::vector<long>{1, 2});
    CHECK_FALSE(reader.write(std::vector{entry(3)}, {}));
    CHECK(seconds_in(History::open_for_writing(path, mebibyte).value().query({})) == std::vector<long>{1, 2});
}

TEST_CASE("a file that is only about to become a history is none yet") {
    const TempDir scratch;
    const auto path = scratch.write("history.db", "");
    CHECK(History::open_for_reading(path).error().number == ENOENT);
    CHECK(History::open_for_writing(path, 1U << 20U));
    CHECK(History::open_for_reading(path));
}

TEST_CASE("the death of the writer at any moment loses nothing that was written") {
    TempDir scratch;
    auto path = scratch / "history.db";
    int pipe[2]; // NOLINT(modernize-avoid-c-arrays)
    REQUIRE(::pipe(pipe) == 0);
    auto pid = ::fork();
    if (pid == 0) {
        auto history = History::open_for_writing(path, mebibyte).value();
        for (int i = 1;; ++i) {
            std::vector entries{entry(i)};
            if (!history.write(entries, {})) ::_exit(1);
            if (::write(pipe[1], &i, sizeof i) < 0) ::_exit(1);
        }
    }
    ::close(pipe[1]);
    int last = 0;
    while (last < 100)
        REQUIRE(::read(pipe[0], &last, sizeof last) == sizeof last);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    while (::read(pipe[0], &last, sizeof last) == sizeof last) {
    }
    ::close(pipe[0]);

    auto read = seconds_in(History::open_for_reading(path).value().query({}));
    CHECK(read.size() >= static_cast<std::size_t>(last));
    CHECK(read.back() == static_cast<long>(read.size()));
    auto again = History::open_for_writing(path, mebibyte).value();
    CHECK(again.set_aside().empty());
    CHECK(again.query({}).value().size() == read.size());
}

TEST_CASE("a damaged file is set aside and a fresh one begun, also when it was never a database") {
    TempDir scratch;
    auto path = scratch / "history.db";
    SUBCASE("no database") {
        scratch.write("history.db", std::string(10'000, 'x'));
    }
    SUBCASE("a page overwritten") {
        {
            auto history = History::open_for_writing(path, mebibyte).value();
            std::vector<HistoryEntry> entries;
            for (int i = 0; i < 1000; ++i)
                entries.push_back(entry(i, "r", 100));
            REQUIRE(history.write(entries, {}));
        }
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(5 * 4096);
        file << std::string(8192, '\xee');
    }
    auto history = History::open_for_writing(path, mebibyte).value();
    CHECK(history.set_aside().find(path + ".corrupt-") != std::string::npos);
    CHECK(history.query({}).value().empty());
    put(history, 1);
    int aside = 0;
    for (const auto& file : std::filesystem::directory_iterator(scratch.path())) {
        aside += file.path().string().find(".corrupt-") != std::string::npos ? 1 : 0;
    }
    CHECK(aside == 1);
}

TEST_CASE("a history of a newer version is not touched by a reader and set aside by a writer") {
    TempDir scratch;
    auto path = scratch / "history.db";
    History::open_for_writing(path, mebibyte).value();
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(63); // user_version, of four bytes from 60
    file.put(9);
    file.close();
    CHECK(History::open_for_reading(path).error().text.find("another version") != std::string::npos);
    CHECK_FALSE(History::open_for_writing(path, mebibyte).value().set_aside().empty());
}

TEST_CASE("files that were set aside don't pile up") {
    TempDir scratch;
    for (int i = 0; i < 6; ++i) {
        scratch.write("history.db", std::string(5000, 'x'));
        CHECK_FALSE(History::open_for_writing(scratch / "history.db", mebibyte).value().set_aside().empty());
    }
    int aside = 0;
    for (const auto& each : std::filesystem::directory_iterator(scratch.path())) {
        aside += each.path().string().ends_with("Z") ? 1 : 0;
    }
    CHECK(aside == 3);
}

TEST_CASE("the size stays within its limit, the newest stay, and memories are never forgotten") {
    TempDir scratch;
    auto path = scratch / "history.db";
    auto history = History::open_for_writing(path, mebibyte).value();
    std::vector memories{StoredMemory{.rule = "scanner", .json = "{}"}};
    REQUIRE(history.write({}, memories));
    for (int batch = 0; batch < 100; ++batch) {
        std::vector<HistoryEntry> entries;
        for (int i = 0; i < 100; ++i)
            entries.push_back(entry(batch * 100 + i, "r", 500));
        REQUIRE(history.write(entries, {}));
        REQUIRE(scratch.size() < 2 * mebibyte); // five were written in all
    }
    auto read = seconds_in(history.query({}));
    CHECK(read.size() > 500);
    CHECK(read.back() == 9999);
    CHECK(read.front() == 10'000 - static_cast<long>(read.size()));
    CHECK(history.stored_memories().value().size() == 1);
}

TEST_CASE("a lowered limit makes the file smaller") {
    TempDir scratch;
    auto path = scratch / "history.db";
    {
        auto history = History::open_for_writing(path, 8 * mebibyte).value();
        std::vector<HistoryEntry> entries;
        for (int i = 0; i < 5000; ++i)
            entries.push_back(entry(i, "r", 500));
        REQUIRE(history.write(entries, {}));
    }
    CHECK(std::filesystem::file_size(path) > 2 * mebibyte);
    {
        auto history = History::open_for_writing(path, mebibyte).value();
        put(history, 5000);
        CHECK(seconds_in(history.query({})).back() == 5000);
    }
    CHECK(std::filesystem::file_size(path) < mebibyte);
}

TEST_CASE("a full disk is an error that changes nothing, and passes with it") {
    TempDir scratch;
    const SmallDisk disk(scratch / "disk", "512k");
    if (!disk.mounted()) SKIP("can't mount a tmpfs");
    auto history = History::open_for_writing(scratch / "disk/history.db", 16 * mebibyte).value();
    put(history, 1);
    disk.fill();
    std::vector<HistoryEntry> entries;
    for (int i = 0; i < 1000; ++i)
        entries.push_back(entry(i + 2, "r", 500));
    auto failed = history.write(entries, {});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().number == ENOSPC);
    CHECK(seconds_in(history.query({})) == std::vector<long>{1});
    disk.make_room();
    put(history, 2);
    CHECK(seconds_in(history.query({})) == std::vector<long>{1, 2});
}
