#include "app/prober_wire.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace nezuban::prober_wire {

namespace {

// As they lie in memory, without padding; the text is the rest of the frame.
struct QuestionRecord {
    std::uint64_t number;
    std::int64_t timeout;
    std::uint64_t kind;
};
struct AnswerRecord {
    std::uint64_t number;
};
static_assert(std::has_unique_object_representations_v<QuestionRecord>
              && std::has_unique_object_representations_v<AnswerRecord>);

template <typename Record> std::string frame(const Record& record, std::string_view text) {
    const auto length = static_cast<std::uint32_t>(sizeof record + text.size());
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
    return bytes.append(text);
}

template <typename Record> std::optional<Record> take(std::string_view& bytes) {
    if (bytes.size() < sizeof(Record)) return std::nullopt;
    Record record{};
    std::copy_n(bytes.begin(), sizeof record, reinterpret_cast<char*>(&record));
    bytes.remove_prefix(sizeof record);
    return record;
}

} // namespace

std::string encode(const Question& question) {
    return frame(QuestionRecord{.number = question.number,
                                .timeout = question.probe.timeout.count(),
                                .kind = static_cast<std::uint64_t>(question.probe.kind)},
                 question.probe.target);
}

std::string encode(const Answer& answer) {
    return frame(AnswerRecord{.number = answer.number}, answer.error);
}

std::optional<Question> decode_question(std::string_view frame) {
    const auto record = take<QuestionRecord>(frame);
    if (!record || record->kind > static_cast<std::uint64_t>(ProbeKind::http)) return std::nullopt;
    return Question{.number = record->number,
                    .probe = {.id = 0,
                              .kind = static_cast<ProbeKind>(record->kind),
                              .target = std::string(frame),
                              .timeout = Duration(record->timeout)}};
}

std::optional<Answer> decode_answer(std::string_view frame) {
    const auto record = take<AnswerRecord>(frame);
    if (!record) return std::nullopt;
    return Answer{.number = record->number, .error = std::string(frame)};
}

} // namespace nezuban::prober_wire
