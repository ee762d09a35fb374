#include "report/sqlite.hpp"

#include <cerrno>

#include <sqlite3.h>

namespace nezuban::sqlite {

namespace {

constexpr int patience_ms = 2000;

int errno_of(sqlite3* database) {
    switch (sqlite3_errcode(database)) {
    case SQLITE_FULL: return ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return EILSEQ;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return EBUSY;
    case SQLITE_READONLY: return EROFS;
    default: break;
    }
    int number = sqlite3_system_errno(database);
    return number != 0 ? number : EIO;
}

std::unexpected<Error> failure(sqlite3* database) {
    return fail(sqlite3_errmsg(database), errno_of(database));
}

} // namespace

bool is_damage(const Error& error) {
    return error.number == EILSEQ;
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

void Database::Close::operator()(sqlite3* database) const {
    sqlite3_close_v2(database);
}

void Statement::bind(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::bind(int index, std::string_view value) {
    sqlite3_bind_text(statement_.get(), index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

Result<bool> Statement::step() {
    int outcome = sqlite3_step(statement_.get());
    if (outcome == SQLITE_ROW) return true;
    auto failed = failure(database_);
    sqlite3_reset(statement_.get());
    if (outcome == SQLITE_DONE) return false;
    return failed;
}

Result<void> Statement::run() {
    for (;;) {
        auto row = step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
    }
}

std::int64_t Statement::number(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Result<Database> Database::open(const std::string& path, Mode mode) {
    std::string uri = "file:";
    for (char byte : path) {
        // The characters that mean something in a URI.
        if (byte == '%' || byte == '?' || byte == '#') {
            constexpr std::string_view digits = "0123456789ABCDEF";
            auto value = static_cast<unsigned char>(byte);
            uri += {'%', digits[value >> 4U], digits[value & 15U]};
        } else {
            uri += byte;
        }
    }
    if (mode == Mode::read_frozen) uri += "?immutable=1";
    int flags = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    sqlite3* handle = nullptr;
    int outcome = sqlite3_open_v2(uri.c_str(), &handle, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(handle);
    if (handle == nullptr) return fail("opening " + path + ": out of memory", ENOMEM);
    if (outcome != SQLITE_OK) return std::unexpected(failure(handle).error().in("opening " + path));
    sqlite3_busy_timeout(handle, patience_ms);
    return database;
}

Result<void> Database::run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure(database_.get());
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
    sqlite3_stmt* statement = nullptr;
    int outcome = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (outcome != SQLITE_OK) return failure(database_.get());
    return Statement(database_.get(), statement);
}

Result<std::int64_t> Database::number(std::string_view sql) const {
    auto statement = prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    auto row = statement->step();
    if (!row) return std::unexpected(row.error());
    return *row ? statement->number(0) : 0;
}

bool Database::fold_log() {
    return sqlite3_wal_checkpoint_v2(database_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr)
           == SQLITE_OK;
}

} // namespace nezuban::sqlite
