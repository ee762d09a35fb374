#include "app/prober_wire.hpp"

#include "app/records.hpp"

namespace nezuban::prober_wire {

namespace {

using records::frame;
using records::take;

struct QuestionRecord {
    std::uint64_t number;
    std::int64_t timeout;
    std::uint64_t kind;
};
struct AnswerRecord {
    std::uint64_t number;
};

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
