#include "report/history.hpp"

#include "core/date.hpp"
#include "io/clock.hpp"
#include "io/files.hpp"
#include "report/sqlite.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <ranges>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

using sqlite::Database;

constexpr std::int64_t schema_version = 1;
constexpr std::size_t set_aside_kept = 3; // of the files that were set aside, the newest

constexpr const char* schema = R"(
    BEGIN IMMEDIATE;
    CREATE TABLE incidents (row INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, rule TEXT NOT NULL,
                            event TEXT NOT NULL, json TEXT NOT NULL);
    CREATE TABLE memory (rule TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
    PRAGMA user_version = 1;
    COMMIT;
)";

// Damage, and what could as well be damage: somebody else's tables, or a layout that we don't know.
std::unexpected<Error> unusable(const std::string& path, const std::string& why) {
    return fail(path + " " + why, EILSEQ);
}

Result<Database> open_checked(const std::string& path, std::uint64_t limit) {
    auto database = Database::open(path, Database::Mode::write);
    if (!database) return database;
    // In this order: the file's first page is laid out by the first table, and vacuuming can't be had later.
    auto log_limit = limit / 8;
    auto pragmas =
        fmt::format("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                    "PRAGMA cache_size = -512; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = {};"
                    "PRAGMA wal_autocheckpoint = {};",
                    log_limit, std::clamp<std::uint64_t>(log_limit / 4096, 16, 1000));
    if (auto done = database->run(pragmas.c_str()); !done) return std::unexpected(done.error().in("opening " + path));
    auto version = database->number("PRAGMA user_version");
    auto tables = database->number("SELECT count(*) FROM sqlite_master");
    if (!version) return std::unexpected(version.error().in("opening " + path));
    if (!tables) return std::unexpected(tables.error().in("opening " + path));
    if (*version == 0 && *tables == 0) {
        if (auto made = database->run(schema); !made) return std::unexpected(made.error().in("creating " + path));
        return database;
    }
    if (*version != schema_version) return unusable(path, "is of another version of nezuban");
    auto check = database->prepare("PRAGMA quick_check(1)");
    if (!check) return std::unexpected(check.error().in("checking " + path));
    auto row = check->step();
    if (!row) return std::unexpected(row.error().in("checking " + path));
    if (check->text(0) != "ok") return unusable(path, "is damaged");
    return database;
}

// Returns the new name.
Result<std::string> set_file_aside(const std::string& path) {
    auto stamp = format_time(clock_pair().wall);
    std::erase_if(stamp, [](char byte) { return byte == '-' || byte == ':'; });
    auto aside = path + ".corrupt-" + stamp;
    std::error_code error;
    std::filesystem::rename(path, aside, error);
    if (error) return fail("setting " + path + " aside: " + error.message(), error.value());
    for (const char* companion : {"-wal", "-shm"})
        std::filesystem::rename(path + companion, aside + companion, error);
    auto all = expand_glob(path + ".corrupt-*Z");
    if (all && all->size() > set_aside_kept) {
        for (const auto& old : *all | std::views::take(all->size() - set_aside_kept)) {
            for (const char* companion : {"", "-wal", "-shm"})
                std::filesystem::remove(old + companion, error);
        }
    }
    return aside;
}

} // namespace

struct History::State {
    Database database;
    std::string path;
    std::uint64_t limit = 0;
    std::string aside;
    std::optional<FileId> file;

    [[nodiscard]] std::uint64_t budget() const {
        return limit / 4 * 3; // the rest is for the log of what isn't folded in yet
    }

    // The bytes of all pages, or of those in use.
    Result<std::uint64_t> size(bool used) const {
        auto page = database.number("PRAGMA page_size");
        auto pages = database.number("PRAGMA page_count");
        auto free = database.number("PRAGMA freelist_count");
        if (!page) return std::unexpected(page.error());
        if (!pages) return std::unexpected(pages.error());
        if (!free) return std::unexpected(free.error());
        return static_cast<std::uint64_t>(*page * (used ? *pages - *free : *pages));
    }

    Result<void> insert(std::span<const HistoryEntry> entries, std::span<const StoredMemory> memories) {
        auto entry = database.prepare("INSERT INTO incidents (time_ns, rule, event, json) VALUES (?, ?, ?, ?)");
        if (!entry) return std::unexpected(entry.error());
        for (const auto& each : entries) {
            entry->bind(1, each.time.time_since_epoch().count());
            entry->bind(2, each.rule);
            entry->bind(3, each.event);
            entry->bind(4, each.json);
            if (auto done = entry->run(); !done) return done;
        }
        auto replace = database.prepare("INSERT OR REPLACE INTO memory (rule, json) VALUES (?, ?)");
        if (!replace) return std::unexpected(replace.error());
        auto remove = database.prepare("DELETE FROM memory WHERE rule = ?");
        if (!remove) return std::unexpected(remove.error());
        for (const auto& each : memories) {
            auto& statement = each.json.empty() ? *remove : *replace;
            statement.bind(1, each.rule);
            if (!each.json.empty()) statement.bind(2, each.json);
            if (auto done = statement.run(); !done) return done;
        }
        return {};
    }

    // A tenth of the oldest incidents at a time, so that it isn't to be done again with the next one.
    Result<void> prune() {
        for (;;) {
            auto used = size(true);
            if (!used) return std::unexpected(used.error());
            if (*used <= budget()) return {};
            auto count = database.number("SELECT count(*) FROM incidents");
            if (!count) return std::unexpected(count.error());
            if (*count == 0) return {};
            auto oldest = database.prepare("DELETE FROM incidents WHERE row IN "
                                           "(SELECT row FROM incidents ORDER BY row LIMIT ?)");
            if (!oldest) return std::unexpected(oldest.error());
            oldest->bind(1, std::max<std::int64_t>(*count / 10, 1));
            if (auto done = oldest->run(); !done) return done;
        }
    }

    // Pages that became free are used again; only a file beyond its budget (the limit was lowered) gives them back.
    Result<void> shrink() {
        auto all = size(false);
        if (!all) return std::unexpected(all.error());
        if (*all <= budget() + budget() / 8) return {};
        return database.run("PRAGMA incremental_vacuum");
    }

    // A reader that stands still keeps the log from being folded in, and so from ending.
    Result<void> bound_log() {
        std::error_code missing;
        auto size = std::filesystem::file_size(path + "-wal", missing);
        if (missing || size <= limit || database.fold_log()) return {};
        return fail("somebody reads " + path + " and doesn't come to an end", EBUSY);
    }

    Result<void> transact(std::span<const HistoryEntry> entries, std::span<const StoredMemory> memories) {
        if (auto bounded = bound_log(); !bounded) return bounded;
        if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) return begun;
        auto done = insert(entries, memories);
        if (done) done = prune();
        if (done) done = shrink();
        if (done) done = database.run("COMMIT");
        // Some errors have rolled back by themselves: this one's own doesn't matter.
        if (!done) [[maybe_unused]]
            auto back = database.run("ROLLBACK");
        return done;
    }
};

History::History(std::unique_ptr<State> state) : state_(std::move(state)) {}
History::~History() = default;
History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;

Result<History> History::open_for_writing(const std::string& path, std::uint64_t size_limit) {
    std::string aside;
    auto database = open_checked(path, size_limit);
    if (!database && sqlite::is_damage(database.error())) {
        auto why = database.error().text;
        auto moved = set_file_aside(path);
        if (!moved) return std::unexpected(moved.error());
        aside = why + "; it was set aside as " + *moved + " and a fresh one begun";
        database = open_checked(path, size_limit);
    }
    if (!database) return std::unexpected(database.error());
    return History(std::make_unique<State>(State{.database = std::move(*database),
                                                 .path = path,
                                                 .limit = size_limit,
                                                 .aside = std::move(aside),
                                                 .file = file_id(path)}));
}

bool History::in_place() const {
    return state_->file && file_id(state_->path) == state_->file;
}

Result<History> History::open_for_reading(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        return fail("there is no history at " + path, error ? error.value() : ENOENT);
    }
    Result<Database> database = fail("");
    // A reader of a write-ahead log has to create its index, even when it changes nothing. On a file system that can't
    // be written nobody writes either, and the file alone will do.
    for (auto mode : {Database::Mode::read, Database::Mode::read_frozen}) {
        database = Database::open(path, mode);
        if (database) {
            // In this order: somebody may create them just now, both at once.
            auto tables = database->number("SELECT count(*) FROM sqlite_master");
            auto version = database->number("PRAGMA user_version");
            if (version && tables && *version == schema_version) break;
            if (version && tables && *version == 0 && *tables == 0)
                return fail("there is no history at " + path + " yet", ENOENT);
            if (version && tables) return fail(path + " is of another version of nezuban", EILSEQ);
            database = std::unexpected((version ? tables : version).error().in("reading " + path));
        }
        if (database.error().number == EILSEQ || database.error().number == EBUSY) break;
    }
    if (!database) return std::unexpected(database.error());
    return History(std::make_unique<State>(State{.database = std::move(*database), .path = path}));
}

Result<void> History::write(std::span<const HistoryEntry> entries, std::span<const StoredMemory> memories) {
    auto done = state_->transact(entries, memories);
    if (!done) return std::unexpected(done.error().in("writing " + state_->path));
    return {};
}

const std::string& History::set_aside() const {
    return state_->aside;
}

Result<std::vector<HistoryEntry>> History::query(const HistoryFilter& filter) const {
    bool first = filter.after.has_value();
    auto sql = fmt::format("SELECT row, time_ns, rule, event, json FROM incidents WHERE row > ?1{}{} ORDER BY row {} "
                           "LIMIT ?4",
                           filter.since ? " AND time_ns >= ?2" : "", filter.rule ? " AND rule = ?3" : "",
                           first ? "ASC" : "DESC");
    auto statement = state_->database.prepare(sql);
    if (!statement) return std::unexpected(statement.error().in("reading " + state_->path));
    statement->bind(1, filter.after.value_or(0));
    if (filter.since) statement->bind(2, filter.since->time_since_epoch().count());
    if (filter.rule) statement->bind(3, *filter.rule);
    statement->bind(4, filter.limit ? static_cast<std::int64_t>(*filter.limit) : -1);
    std::vector<HistoryEntry> entries;
    for (;;) {
        auto row = statement->step();
        if (!row) return std::unexpected(row.error().in("reading " + state_->path));
        if (!*row) break;
        entries.push_back({.row = statement->number(0),
                           .time = WallTime(Duration(statement->number(1))),
                           .rule = statement->text(2),
                           .event = statement->text(3),
                           .json = statement->text(4)});
    }
    if (!first) std::ranges::reverse(entries);
    return entries;
}

Result<std::vector<StoredMemory>> History::stored_memories() const {
    auto statement = state_->database.prepare("SELECT rule, json FROM memory ORDER BY rule");
    if (!statement) return std::unexpected(statement.error().in("reading " + state_->path));
    std::vector<StoredMemory> memories;
    for (;;) {
        auto row = statement->step();
        if (!row) return std::unexpected(row.error().in("reading " + state_->path));
        if (!*row) return memories;
        memories.push_back({.rule = statement->text(0), .json = statement->text(1)});
    }
}

Result<Memories> History::load_memories(const ClockPair& clocks, const std::string& boot) const {
    auto stored = stored_memories();
    if (!stored) return std::unexpected(stored.error());
    Memories memories;
    for (const auto& each : *stored) {
        auto memory = from_stored(each, clocks, boot, memories.left_out);
        if (memory) {
            memories.kept.push_back(std::move(*memory));
        } else {
            memories.left_out.push_back(memory.error().text);
        }
    }
    return memories;
}

} // namespace nezuban
