// Whatever stands in a line of a record: nothing is accepted that isn't written again as it was read, and what is wrong
// is said in a sentence.
#include "replay/record.hpp"

#include "core/farthest.hpp"
#include "properties.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace nezuban;
using fuzz::require;

void try_header(std::string_view line) {
    const auto clocks = parse_record_header(line);
    if (!clocks) return require(fuzz::is_sentence(clocks.error().text));
    require(clocks->monotonic.time_since_epoch() <= farthest && clocks->wall.time_since_epoch() <= farthest);
    const auto again = parse_record_header(record_header(*clocks));
    require(again && again->monotonic == clocks->monotonic && again->wall == clocks->wall);
}

void try_event(std::string_view line) {
    const auto event = parse_line(line);
    if (!event) return require(fuzz::is_sentence(event.error().text));
    require(event->since_start >= Duration::zero());
    const auto text = to_line(event->event, Time{event->since_start}, Time{});
    require(text.find('\n') + 1 == text.size() && fuzz::is_utf8(text));
    const auto again = parse_line(text);
    require(again && to_line(again->event, Time{again->since_start}, Time{}) == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line{reinterpret_cast<const char*>(data), size};
    try_header(line);
    try_event(line);
    return 0;
}
