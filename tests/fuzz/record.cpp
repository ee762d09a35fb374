// Whatever stands in a record: the parsers neither crash nor accept an event that is not written again as it was read.
#include "replay/record.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace nezuban;
    const std::string_view line{reinterpret_cast<const char*>(data), size};
    [[maybe_unused]] const auto header = parse_record_header(line);
    const auto event = parse_line(line);
    if (!event) return 0;
    const auto text = to_line(event->event, Time{event->since_start}, Time{});
    const auto again = parse_line(text);
    if (!again || to_line(again->event, Time{again->since_start}, Time{}) != text) std::abort();
    return 0;
}
