// Whatever a client or a daemon sends: the parsers accept nothing that they could not have written, and say in one
// sentence why.
#include "control/protocol.hpp"
#include "properties.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace nezuban;
using fuzz::require;

bool is_one_line(std::string_view line) {
    return line.find('\n') + 1 == line.size() && fuzz::is_utf8(line);
}

void try_request(std::string_view line) {
    const auto request = parse_request(line);
    if (!request) return require(fuzz::is_sentence(request.error().text));
    require(is_one_line(to_line(*request)) && parse_request(to_line(*request)) == *request);
    require(request->names.size() == 1 || request->verb == Request::Verb::status
            || request->verb == Request::Verb::reload);
    require(!request->hold || *request->hold > Duration::zero());
    // What the daemon answers to it comes back whole, whoever is named in it.
    const Response answer{.lines = request->names};
    require(parse_response(to_line(answer)) == answer);
    if (request->names.empty()) return;
    const auto no = refusal(request->names.front());
    require(is_one_line(to_line(no)) && parse_response(to_line(no)) == no);
}

void try_response(std::string_view line) {
    auto response = parse_response(line);
    if (!response) return require(fuzz::is_sentence(response.error().text));
    require(is_one_line(to_line(*response)) && response->exit_code >= 0 && response->exit_code <= 255);
    const auto again = parse_response(to_line(*response));
    if (response->ok) response->error.clear(); // that of a good answer is dropped on the way out
    require(again == *response);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line{reinterpret_cast<const char*>(data), size};
    try_request(line);
    try_response(line);
    return 0;
}
