#include "report/wire.hpp"

#include <algorithm>
#include <cstring>

namespace nezuban::wire {

namespace {

class Writer {
public:
    template <typename Number> void number(Number value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(std::string_view value) {
        number(static_cast<std::uint32_t>(value.size()));
        bytes_.append(value);
    }
    std::string frame() {
        auto length = static_cast<std::uint32_t>(bytes_.size() - sizeof(std::uint32_t));
        std::memcpy(bytes_.data(), &length, sizeof length);
        return std::move(bytes_);
    }

private:
    std::string bytes_ = std::string(sizeof(std::uint32_t), '\0');
};

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    template <typename Number> Number number() {
        Number value{};
        if (bytes_.size() < sizeof value) {
            good_ = false;
            return value;
        }
        std::copy_n(bytes_.begin(), sizeof value, reinterpret_cast<char*>(&value));
        bytes_.remove_prefix(sizeof value);
        return value;
    }
    std::string text() {
        auto size = number<std::uint32_t>();
        if (size > bytes_.size()) {
            good_ = false;
            return {};
        }
        std::string value(bytes_.substr(0, size));
        bytes_.remove_prefix(size);
        return value;
    }
    [[nodiscard]] bool complete() const {
        return good_ && bytes_.empty();
    }

private:
    std::string_view bytes_;
    bool good_ = true;
};

} // namespace

std::string encode(const Note& note) {
    Writer writer;
    writer.number(note.number);
    writer.number(note.kind);
    writer.number(static_cast<std::uint8_t>(note.severity));
    writer.number(note.time.time_since_epoch().count());
    for (const auto* text : {&note.text, &note.rule, &note.event, &note.json})
        writer.text(*text);
    writer.number(static_cast<std::uint8_t>(note.logged)); // the last, see mark_logged
    return writer.frame();
}

void mark_logged(std::string& frame) {
    frame.back() = 1;
}

std::string encode(const Health& health) {
    Writer writer;
    for (const auto number : {health.done, health.kept, health.dropped})
        writer.number(number);
    writer.text(health.error);
    return writer.frame();
}

std::optional<Note> decode_note(std::string_view frame) {
    Reader reader(frame);
    Note note;
    note.number = reader.number<std::uint64_t>();
    auto kind = reader.number<std::uint8_t>();
    auto severity = reader.number<std::uint8_t>();
    note.time = WallTime(Duration(reader.number<Duration::rep>()));
    for (auto* text : {&note.text, &note.rule, &note.event, &note.json})
        *text = reader.text();
    note.logged = reader.number<std::uint8_t>() != 0;
    if (!reader.complete() || kind > static_cast<std::uint8_t>(Note::Kind::memory)
        || severity > static_cast<std::uint8_t>(Severity::error)) {
        return std::nullopt;
    }
    note.kind = static_cast<Note::Kind>(kind);
    note.severity = static_cast<Severity>(severity);
    return note;
}

std::optional<Health> decode_health(std::string_view frame) {
    Reader reader(frame);
    Health health;
    for (auto* number : {&health.done, &health.kept, &health.dropped})
        *number = reader.number<std::uint64_t>();
    health.error = reader.text();
    if (!reader.complete()) return std::nullopt;
    return health;
}

void Frames::add(std::string_view bytes) {
    bytes_.erase(0, taken_);
    taken_ = 0;
    bytes_.append(bytes);
}

std::optional<std::string_view> Frames::next() {
    auto rest = std::string_view(bytes_).substr(taken_);
    std::uint32_t length = 0;
    if (broken_ || rest.size() < sizeof length) return std::nullopt;
    std::memcpy(&length, rest.data(), sizeof length);
    if (length > frame_limit) broken_ = true;
    if (broken_ || rest.size() - sizeof length < length) return std::nullopt;
    taken_ += sizeof length + length;
    return rest.substr(sizeof length, length);
}

} // namespace nezuban::wire
