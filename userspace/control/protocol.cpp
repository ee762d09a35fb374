#include "control/protocol.hpp"

#include "core/json_words.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

using Json = nlohmann::ordered_json;
using Verb = Request::Verb;

constexpr std::array<std::pair<std::string_view, Verb>, 6> verbs{{
    {"status", Verb::status},
    {"reload", Verb::reload},
    {"pause", Verb::pause},
    {"resume", Verb::resume},
    {"restart", Verb::restart},
    {"reset", Verb::reset},
}};

constexpr std::array<std::string_view, 3> fields{"verb", "names", "for_ms"};
constexpr std::int64_t pause_max_ms = 366LL * 24 * 3600 * 1000; // longer is a slip of the pen
constexpr int depth_max = 32;                                   // dumping is recursive: deeper values are not let in

template <typename Value, std::size_t size>
std::string_view name_in(const std::array<std::pair<std::string_view, Value>, size>& table, Value value) {
    const auto* found = std::ranges::find(table, value, &std::pair<std::string_view, Value>::second);
    return found == table.end() ? std::string_view{} : found->first;
}

template <typename Value, std::size_t size>
std::optional<Value> value_in(const std::array<std::pair<std::string_view, Value>, size>& table,
                              std::string_view name) {
    const auto* found = std::ranges::find(table, name, &std::pair<std::string_view, Value>::first);
    if (found == table.end()) return std::nullopt;
    return found->second;
}

template <typename Value, std::size_t size>
std::string hint(const std::array<std::pair<std::string_view, Value>, size>& table, std::string_view name) {
    std::array<std::string_view, size> names;
    std::ranges::transform(table, names.begin(), &std::pair<std::string_view, Value>::first);
    return in_brackets(did_you_mean(name, names));
}

// For an error message: short, and never a second line or an escape sequence.
std::string shown(std::string_view text) {
    constexpr std::size_t length_max = 40;
    auto result = harmless(beginning(text, length_max), '?');
    if (text.size() > length_max) result += "...";
    return result;
}

std::string dump(const Json& value) {
    return harmless_json(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Json> parse_object(std::string_view line, std::string_view what) {
    bool too_deep = false;
    const auto limit = [&](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > depth_max;
        return !too_deep;
    };
    auto value = Json::parse(line, limit, false);
    if (too_deep) return fail(fmt::format("the {} is nested too deeply", what));
    if (value.is_discarded()) return fail(fmt::format("the {} is not one line of valid JSON", what));
    if (!value.is_object()) return fail(fmt::format("the {} is not a JSON object", what));
    return value;
}

Result<std::vector<std::string>> parse_names(const Json& value) {
    if (!value.is_array()) return fail("'names' must be an array of strings");
    std::vector<std::string> names;
    for (const auto& name : value) {
        if (!name.is_string() || name.get_ref<const std::string&>().empty())
            return fail("'names' must be an array of strings that are not empty");
        names.push_back(name.get<std::string>());
    }
    return names;
}

Result<Duration> parse_hold(const Json& value) {
    if (!value.is_number_integer()) return fail("'for_ms' must be a whole number of milliseconds");
    // A value above the signed range turns negative here and is refused with the others.
    const auto milliseconds = value.get<std::int64_t>();
    if (milliseconds < 1 || milliseconds > pause_max_ms)
        return fail(fmt::format("'for_ms' must be from 1 to {} (366 days)", pause_max_ms));
    return std::chrono::milliseconds{milliseconds};
}

// What each verb can be given.
Result<Request> judged(Request request) {
    const auto name = name_of(request.verb);
    if (request.verb == Verb::reload && !request.names.empty()) return fail("'reload' takes no names");
    if (request.verb != Verb::status && request.verb != Verb::reload && request.names.size() != 1)
        return fail(fmt::format("'{}' takes exactly one name of a rule or group", name));
    if (request.hold && request.verb != Verb::pause) return fail(fmt::format("'{}' takes no 'for_ms'", name));
    return request;
}

} // namespace

std::string_view name_of(Request::Verb verb) {
    return name_in(verbs, verb);
}

Response refusal(std::string error, int exit_code) {
    return {.ok = false, .error = std::move(error), .exit_code = exit_code, .json = {}, .lines = {}};
}

Result<Request> parse_request(std::string_view line) {
    if (line.size() > request_size_max)
        return fail(fmt::format("the request is longer than {} bytes", request_size_max));
    const auto object = parse_object(line, "request");
    if (!object) return std::unexpected(object.error());
    for (const auto& [key, value] : object->items())
        if (std::ranges::find(fields, key) == fields.end())
            return fail(fmt::format("unknown field '{}'{}", shown(key), in_brackets(did_you_mean(key, fields))));

    Request request;
    const auto verb = object->find("verb");
    if (verb == object->end() || !verb->is_string()) return fail("'verb' is missing or not a string");
    const auto& verb_name = verb->get_ref<const std::string&>();
    const auto known = value_in(verbs, verb_name);
    if (!known) return fail(fmt::format("unknown verb '{}'{}", shown(verb_name), hint(verbs, verb_name)));
    request.verb = *known;

    if (const auto names = object->find("names"); names != object->end()) {
        auto parsed = parse_names(*names);
        if (!parsed) return std::unexpected(parsed.error());
        request.names = std::move(*parsed);
    }
    if (const auto hold = object->find("for_ms"); hold != object->end()) {
        const auto parsed = parse_hold(*hold);
        if (!parsed) return std::unexpected(parsed.error());
        request.hold = *parsed;
    }
    return judged(std::move(request));
}

std::string to_line(const Request& request) {
    Json object{{"verb", name_of(request.verb)}};
    if (!request.names.empty()) object["names"] = request.names;
    if (request.hold) object["for_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(*request.hold).count();
    return dump(object) + "\n";
}

Result<Response> parse_response(std::string_view line) {
    if (line.size() > response_size_max)
        return fail(fmt::format("the answer is longer than {} bytes", response_size_max));
    const auto object = parse_object(line, "answer");
    if (!object) return std::unexpected(object.error());

    // Fields that are not known here come from a newer daemon, and are let pass.
    Response response;
    const auto ok = object->find("ok");
    if (ok == object->end() || !ok->is_boolean()) return fail("the answer has no 'ok'");
    response.ok = ok->get<bool>();
    if (const auto error = object->find("error"); error != object->end()) {
        if (!error->is_string()) return fail("the answer's 'error' is not a string");
        response.error = error->get<std::string>();
    }
    if (const auto code = object->find("exit_code"); code != object->end()) {
        const auto number = code->is_number_integer() ? code->get<std::int64_t>() : -1;
        if (number < 0 || number > std::numeric_limits<std::uint8_t>::max())
            return fail("the answer's 'exit_code' is not from 0 to 255");
        response.exit_code = static_cast<int>(number);
    }
    if (const auto lines = object->find("lines"); lines != object->end()) {
        if (!lines->is_array()) return fail("the answer's 'lines' is not an array");
        for (const auto& text : *lines) {
            if (!text.is_string()) return fail("the answer's 'lines' are not strings");
            response.lines.push_back(text.get<std::string>());
        }
    }
    if (const auto json = object->find("json"); json != object->end()) response.json = dump(*json);
    return response;
}

std::string to_line(const Response& response) {
    Json object{{"ok", response.ok}};
    if (!response.ok) object["error"] = response.error;
    object["exit_code"] = response.exit_code;
    if (!response.lines.empty()) object["lines"] = response.lines;
    auto line = dump(object);
    if (!response.json.empty()) {
        // As it is: it was made by our own renderer, and may be megabytes.
        line.pop_back();
        line += ",\"json\":" + response.json + "}";
    }
    return line + "\n";
}

} // namespace nezuban
