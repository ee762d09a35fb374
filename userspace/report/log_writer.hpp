// Where log lines go: the journal, or standard error.
#pragma once

#include "core/spec.hpp"
#include "report/wire.hpp"

#include <memory>

namespace nezuban {

class LogWriter {
public:
    // level: as in the configuration; what isn't known means "info". journal: with fields, not as text.
    LogWriter(const std::string& level, LogFormat format, bool journal);
    ~LogWriter();
    LogWriter(LogWriter&&) noexcept;
    LogWriter& operator=(LogWriter&&) noexcept;

    // Log lines and incidents; a memory is nothing to be told.
    void write(const wire::Note& note);
    // What can't be had of what was asked for. Without the journal's library, all goes to standard error, which is the
    // journal's as well. Empty: nothing.
    [[nodiscard]] const std::string& missing() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace nezuban
