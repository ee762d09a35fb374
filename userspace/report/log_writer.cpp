#include "report/log_writer.hpp"

#include "core/date.hpp"
#include "core/json_words.hpp"
#include "core/words.hpp"
#include "io/journal.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace nezuban {

namespace {

spdlog::level::level_enum level_of(Severity severity) {
    switch (severity) {
    case Severity::debug: return spdlog::level::debug;
    case Severity::info: return spdlog::level::info;
    case Severity::warning: return spdlog::level::warn;
    case Severity::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

const char* name_of(Severity severity) {
    constexpr std::array names{"debug", "info", "warning", "error"};
    return names.at(static_cast<std::size_t>(severity));
}

int priority_of(Severity severity) { // of syslog
    constexpr std::array priorities{7, 6, 4, 3};
    return priorities.at(static_cast<std::size_t>(severity));
}

Severity lowest_of(const std::string& level) {
    for (auto severity : {Severity::debug, Severity::info, Severity::warning, Severity::error}) {
        if (level == name_of(severity)) return severity;
    }
    return Severity::info;
}

std::string as_json(const wire::Note& note) {
    nlohmann::ordered_json json;
    json["time"] = format_time(note.time);
    json["level"] = name_of(note.severity);
    json["message"] = note.text;
    if (note.kind == wire::Note::Kind::incident) {
        // Made by ourselves, but what arrives over a socket is looked at before it is believed.
        json["incident"] = nlohmann::ordered_json::parse(note.json, nullptr, false);
        if (json["incident"].is_discarded()) json.erase("incident");
    }
    return harmless_json(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::vector<std::string> as_fields(const wire::Note& note) {
    // What is binary the journal shows as the number of its bytes.
    std::vector<std::string> fields{"MESSAGE=" + printable(note.text),
                                    "PRIORITY=" + std::to_string(priority_of(note.severity)),
                                    "SYSLOG_IDENTIFIER=nezuban"};
    if (note.kind == wire::Note::Kind::incident) {
        fields.push_back("NEZUBAN_EVENT=" + note.event);
        fields.push_back("NEZUBAN_RULE=" + note.rule);
        fields.push_back("NEZUBAN_INCIDENT=" + note.json);
    }
    return fields;
}

} // namespace

struct LogWriter::State {
    Severity lowest;
    LogFormat format;
    std::optional<Journal> journal;
    std::string missing; // why there is none, where one was wanted
    spdlog::logger logger{"nezuban", std::make_shared<spdlog::sinks::stderr_color_sink_st>()};
};

LogWriter::LogWriter(const std::string& level, LogFormat format, bool journal)
    : state_(new State{.lowest = lowest_of(level), .format = format}) {
    if (journal) {
        auto opened = Journal::open();
        if (opened)
            state_->journal = *opened;
        else
            state_->missing = opened.error().text + ": the journal gets lines without priorities and fields";
    }
    auto& logger = state_->logger;
    logger.set_level(spdlog::level::debug);
    logger.set_error_handler([](const std::string&) {}); // the reader of our log is gone: nobody is left to be told
    // UTC, like everything else that is told.
    logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        format == LogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v", spdlog::pattern_time_type::utc));
    logger.flush_on(spdlog::level::debug);
}

LogWriter::~LogWriter() = default;
LogWriter::LogWriter(LogWriter&&) noexcept = default;
LogWriter& LogWriter::operator=(LogWriter&&) noexcept = default;

const std::string& LogWriter::missing() const {
    return state_->missing;
}

void LogWriter::write(const wire::Note& note) {
    if (note.kind == wire::Note::Kind::memory || note.severity < state_->lowest) return;
    if (state_->journal) return state_->journal->send(as_fields(note));
    auto time = std::chrono::time_point_cast<spdlog::log_clock::duration>(note.time);
    auto text = state_->format == LogFormat::json ? as_json(note) : printable(note.text);
    state_->logger.log(time, spdlog::source_loc{}, level_of(note.severity), spdlog::string_view_t(text));
}

} // namespace nezuban
