// Whatever a client or a daemon sends: the parsers neither crash nor accept what they could not have written.
#include "control/protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line{reinterpret_cast<const char*>(data), size};
    if (const auto request = nezuban::parse_request(line))
        if (nezuban::parse_request(nezuban::to_line(*request)) != *request) std::abort();
    if (const auto response = nezuban::parse_response(line)) {
        const auto again = nezuban::parse_response(nezuban::to_line(*response));
        // The error of a good answer is dropped on the way out.
        if (!again || again->json != response->json || again->lines != response->lines) std::abort();
    }
    return 0;
}
