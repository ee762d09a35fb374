#include "app/examiner_wire.hpp"

#include "app/records.hpp"

#include <array>
#include <utility>

namespace nezuban::examiner_wire {

namespace {

using records::append;
using records::take;

// Texts, where there are any, are the rest of the frame, with a NUL between them.
struct Head {
    std::uint64_t round;
    std::uint64_t part; // index in Part
};
struct QuestionRecord {
    std::uint64_t pid_namespace;
    std::int64_t syscall;
    std::array<std::uint64_t, 6> args;
    std::uint64_t thread_start_ns;
    std::uint64_t switches;
    std::int64_t off_ns;
    std::uint32_t index;
    std::uint32_t pid;
    std::uint32_t tid;
    std::uint32_t in_namespace;
    std::uint32_t flags;   // thread_flags
    std::uint32_t to_read; // ToRead
};
enum thread_flags : std::uint32_t { in_call = 1, compat_call = 2, in_d = 4, of_kernel = 8 };
struct AnswerRecord {
    std::uint64_t address;
    std::int64_t syscall;
    std::array<std::uint64_t, 6> args;
    std::uint32_t index;
    std::uint32_t locked;
    std::uint32_t kind;
    std::uint32_t shared;
    std::uint32_t owner_tid;
    std::uint32_t owner_pid;
    std::uint32_t readers;
    std::uint32_t flags; // thread_flags
};
struct FileRecord {
    std::int64_t touched;
    std::uint32_t known;
    std::uint32_t index;
};
// A text of its own, a line each.
std::string lines_of(const std::vector<std::string>& frames) {
    std::string text;
    for (const auto& frame : frames)
        text += frame + '\n';
    return text;
}
std::vector<std::string> frames_of(std::string_view text) {
    std::vector<std::string> frames;
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        frames.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return frames;
}

std::uint32_t flags_of(const std::optional<Syscall>& syscall) {
    return (syscall ? in_call : 0U) | (syscall && syscall->compat ? compat_call : 0U);
}
template <typename Record> std::optional<Syscall> syscall_in(const Record& record) {
    if ((record.flags & in_call) == 0) return std::nullopt;
    return Syscall{
        .number = record.syscall, .args = record.args, .compat = (record.flags & compat_call) != 0, .name = {}};
}

void write(std::string& bytes, const Question& question) {
    const auto& thread = question.thread;
    const auto syscall = thread.syscall.value_or(Syscall{});
    const std::uint32_t flags = flags_of(thread.syscall) | (StackDevices::worth_a_look(thread) ? in_d : 0U)
                                | (thread.kernel_thread ? of_kernel : 0U);
    append(bytes, QuestionRecord{.pid_namespace = thread.pid_namespace,
                                 .syscall = syscall.number,
                                 .args = syscall.args,
                                 .thread_start_ns = thread.thread.start_ns,
                                 .switches = thread.switches(),
                                 .off_ns = thread.off_cpu.count(),
                                 .index = question.index,
                                 .pid = thread.process.pid,
                                 .tid = thread.thread.tid,
                                 .in_namespace = thread.in_namespace,
                                 .flags = flags,
                                 .to_read = static_cast<std::uint32_t>(thread.to_read)});
    if (KernelStacks::nameless(thread.kernel_stack)) bytes += lines_of(thread.kernel_stack);
}
void write(std::string& bytes, const BeatFile& file) {
    append(bytes, FileRecord{.touched = 0, .known = 0, .index = file.index});
    bytes += file.path;
}
void write(std::string& bytes, const Answer& answer) {
    const auto lock = answer.lock.value_or(LockWait{});
    const auto syscall = answer.syscall.value_or(Syscall{});
    append(bytes, AnswerRecord{.address = lock.address,
                               .syscall = syscall.number,
                               .args = syscall.args,
                               .index = answer.index,
                               .locked = answer.lock ? 1U : 0U,
                               .kind = static_cast<std::uint32_t>(lock.kind),
                               .shared = lock.shared ? 1U : 0U,
                               .owner_tid = lock.owner_tid,
                               .owner_pid = lock.owner_pid,
                               .readers = lock.readers,
                               .flags = flags_of(answer.syscall)});
    const auto stack = lines_of(answer.kernel_stack);
    for (const auto* text : {&answer.object, &answer.device, &answer.comm, &stack}) {
        bytes += text->substr(0, text->find('\0'));
        bytes += '\0';
    }
}
void write(std::string& bytes, const BeatSeen& seen) {
    append(bytes, FileRecord{.touched = seen.beat.touched.value_or(Time{}).time_since_epoch().count(),
                             .known = seen.beat.touched ? 1U : 0U,
                             .index = seen.index});
    bytes += seen.beat.error;
}
void write(std::string& /*bytes*/, const Go& /*go*/) {}
void write(std::string& /*bytes*/, const Done& /*done*/) {}

std::optional<Part> read_question(std::string_view bytes) {
    const auto record = take<QuestionRecord>(bytes);
    if (!record || record->to_read > static_cast<std::uint32_t>(ToRead::whether_frozen)) return std::nullopt;
    Question question{.index = record->index, .thread = {}};
    question.thread.process.pid = record->pid;
    question.thread.thread.tid = record->tid;
    question.thread.in_namespace = record->in_namespace;
    question.thread.pid_namespace = record->pid_namespace;
    question.thread.thread.start_ns = record->thread_start_ns;
    question.thread.voluntary_switches = record->switches;
    question.thread.off_cpu = Duration(record->off_ns);
    question.thread.kernel_stack = frames_of(bytes);
    question.thread.kernel_thread = (record->flags & of_kernel) != 0;
    question.thread.state = (record->flags & in_d) != 0 ? ThreadState::uninterruptible : ThreadState::sleeping;
    question.thread.to_read = static_cast<ToRead>(record->to_read);
    question.thread.syscall = syscall_in(*record);
    return question;
}
std::optional<Part> read_answer(std::string_view bytes) {
    const auto record = take<AnswerRecord>(bytes);
    if (!record || record->kind > static_cast<std::uint32_t>(LockKind::join)) return std::nullopt;
    Answer answer{.index = record->index,
                  .lock = {},
                  .object = {},
                  .device = {},
                  .comm = {},
                  .kernel_stack = {},
                  .syscall = syscall_in(*record)};
    std::string stack;
    for (auto* text : {&answer.object, &answer.device, &answer.comm, &stack}) {
        const auto end = bytes.find('\0');
        if (end == std::string_view::npos) return std::nullopt;
        *text = bytes.substr(0, end);
        bytes.remove_prefix(end + 1);
    }
    if (!bytes.empty()) return std::nullopt;
    answer.kernel_stack = frames_of(stack);
    if (record->locked != 0)
        answer.lock = LockWait{.address = record->address,
                               .kind = static_cast<LockKind>(record->kind),
                               .shared = record->shared != 0,
                               .owner_tid = record->owner_tid,
                               .owner_pid = record->owner_pid,
                               .readers = record->readers};
    return answer;
}
std::optional<Part> read_file(std::string_view bytes, bool seen) {
    const auto record = take<FileRecord>(bytes);
    if (!record) return std::nullopt;
    if (!seen) return BeatFile{.index = record->index, .path = std::string(bytes)};
    BeatSeen answer{.index = record->index, .beat = {.path = {}, .touched = {}, .error = std::string(bytes)}};
    if (record->known != 0) answer.beat.touched = Time(Duration(record->touched));
    return answer;
}

std::optional<Part> read_part(std::uint64_t which, std::string_view bytes) {
    switch (which) {
    case 0: return read_question(bytes);
    case 1: return read_file(bytes, false);
    case 2: return bytes.empty() ? std::optional<Part>(Go{}) : std::nullopt;
    case 3: return read_answer(bytes);
    case 4: return read_file(bytes, true);
    case 5: return bytes.empty() ? std::optional<Part>(Done{}) : std::nullopt;
    default: return std::nullopt;
    }
}

} // namespace

std::string encode(std::uint64_t round, const Part& part) {
    std::string rest;
    std::visit([&](const auto& each) { write(rest, each); }, part);
    return records::frame(Head{.round = round, .part = part.index()}, rest);
}

std::optional<Message> decode(std::string_view frame) {
    const auto head = take<Head>(frame);
    if (!head) return std::nullopt;
    auto part = read_part(head->part, frame);
    if (!part) return std::nullopt;
    return Message{.round = head->round, .part = std::move(*part)};
}

Subject Subject::unpacked(std::uint64_t word) {
    const auto kind = (word >> 32U) & 3U;
    if (kind > static_cast<std::uint64_t>(Kind::beat_file)) return {};
    return {.kind = static_cast<Kind>(kind), .number = static_cast<std::uint32_t>(word)};
}

} // namespace nezuban::examiner_wire
