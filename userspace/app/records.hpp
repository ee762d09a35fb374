// What the daemon and its helpers say to each other, all of them the same program: structures as they lie in memory,
// without padding, and what follows them in the frame.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace nezuban::records {

template <typename Record> void append(std::string& bytes, const Record& record) {
    static_assert(std::has_unique_object_representations_v<Record>);
    bytes.append(reinterpret_cast<const char*>(&record), sizeof record);
}

// A whole frame, as wire::Frames takes it apart; the text is its rest.
template <typename Record> std::string frame(const Record& record, std::string_view text) {
    std::string bytes;
    append(bytes, static_cast<std::uint32_t>(sizeof record + text.size()));
    append(bytes, record);
    return bytes.append(text);
}

// Absent: the bytes are too few.
template <typename Record> std::optional<Record> take(std::string_view& bytes) {
    static_assert(std::has_unique_object_representations_v<Record>);
    if (bytes.size() < sizeof(Record)) return std::nullopt;
    Record record{};
    std::copy_n(bytes.begin(), sizeof record, reinterpret_cast<char*>(&record));
    bytes.remove_prefix(sizeof record);
    return record;
}

} // namespace nezuban::records
