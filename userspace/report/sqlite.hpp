// SQLite behind RAII and Result.
#pragma once

#include "core/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace nezuban::sqlite {

class Statement {
public:
    Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

    // Parameters are counted from 1.
    void bind(int index, std::int64_t value);
    void bind(int index, std::string_view value);

    // True: there is a row. A statement that has ended may be bound and stepped anew.
    [[nodiscard]] Result<bool> step();
    Result<void> run(); // to its end

    // Columns are counted from 0.
    [[nodiscard]] std::int64_t number(int column) const;
    [[nodiscard]] std::string text(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    sqlite3* database_;
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
public:
    enum class Mode { write, read, read_frozen }; // frozen: nobody can be writing, and nothing can be created

    static Result<Database> open(const std::string& path, Mode mode);

    Result<void> run(const char* sql);
    [[nodiscard]] Result<Statement> prepare(std::string_view sql) const;
    // The one number of the one row of this query or pragma.
    [[nodiscard]] Result<std::int64_t> number(std::string_view sql) const;

    // Folds the write-ahead log into the file. False: somebody still reads what is in it.
    [[nodiscard]] bool fold_log();

private:
    struct Close {
        void operator()(sqlite3* database) const;
    };
    explicit Database(sqlite3* database) : database_(database) {}
    std::unique_ptr<sqlite3, Close> database_;
};

// Error::number is an errno: ENOSPC for a full disk, EILSEQ for a damaged file.
[[nodiscard]] bool is_damage(const Error& error);

} // namespace nezuban::sqlite
