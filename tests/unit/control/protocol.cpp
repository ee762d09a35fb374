#include "control/protocol.hpp"

#include <cstdint>
#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace nezuban;
using namespace std::chrono_literals;
using Verb = Request::Verb;

namespace {

std::string refused(std::string_view line) {
    const auto request = parse_request(line);
    REQUIRE_FALSE(request.has_value());
    return request.error().text;
}

Request of(Verb verb, std::vector<std::string> names = {}) {
    return {.verb = verb, .names = std::move(names), .hold = {}};
}

} // namespace

TEST_CASE("every request comes back as it was written") {
    auto pause = of(Verb::pause, {"scanner"});
    pause.hold = 10min;
    for (const auto& request :
         {of(Verb::status), of(Verb::status, {"a", "日本語"}), of(Verb::reload), pause, of(Verb::pause, {"x"}),
          of(Verb::resume, {"x"}), of(Verb::restart, {"x"}), of(Verb::reset, {"x"})}) {
        const auto line = to_line(request);
        CHECK(line.find('\n') == line.size() - 1);
        CHECK(parse_request(line) == request);
    }
}

TEST_CASE("a mistyped word is answered with the nearest known one") {
    CHECK(refused(R"({"verb":"statsu"})") == "unknown verb 'statsu' (did you mean \"status\"?)");
    CHECK(refused(R"({"verb":"frobnicate"})") == "unknown verb 'frobnicate'");
    CHECK(refused(R"({"verb":"status","name":["a"]})") == "unknown field 'name' (did you mean \"names\"?)");
}

TEST_CASE("what is no request is refused with a reason, on one line") {
    CHECK(refused("") == "the request is not one line of valid JSON");
    CHECK(refused("\x80\xff garbage") == "the request is not one line of valid JSON");
    CHECK(refused("[1]") == "the request is not a JSON object");
    CHECK(refused("{}") == "'verb' is missing or not a string");
    CHECK(refused(R"({"verb":7})") == "'verb' is missing or not a string");
    CHECK(refused(R"({"verb":"status","names":"a"})") == "'names' must be an array of strings");
    CHECK(refused(R"({"verb":"status","names":[""]})") == "'names' must be an array of strings that are not empty");
    CHECK(refused(R"({"verb":"pause"})") == "'pause' takes exactly one name of a rule or group");
    CHECK(refused(R"({"verb":"reload","names":["a"]})") == "'reload' takes no names");
    CHECK(refused(R"({"verb":"reset","names":["a"],"for_ms":5})") == "'reset' takes no 'for_ms'");
    // It is published, and not asked for.
    CHECK(refused(R"({"verb":"health"})") == "unknown verb 'health'");
    CHECK(refused("{\"verb\":\"\\u001b[2J\\n\"}") == "unknown verb '?[2J?'");
    CHECK(refused(std::string(request_size_max + 1, ' ')) == "the request is longer than 65536 bytes");
    CHECK(refused(std::string(60'000, '[')) == "the request is nested too deeply");
    CHECK(refused(R"({"verb":"status","x":)" + std::string(100, '[') + std::string(100, ']') + "}")
          == "the request is nested too deeply");
}

TEST_CASE("a pause lasts from a millisecond to a year, in whole milliseconds") {
    for (const auto* value : {"0", "-1", "1.5", "\"5\"", "null", "1e3", "31622400001", "18446744073709551615",
                              "9223372036854775808", "99999999999999999999999"}) {
        CAPTURE(value);
        CHECK(refused(std::string{R"({"verb":"pause","names":["a"],"for_ms":)"} + value + "}")
                  .starts_with("'for_ms' must be"));
    }
    CHECK(parse_request(R"({"verb":"pause","names":["a"],"for_ms":1})")->hold == 1ms);
    CHECK(parse_request(R"({"verb":"pause","names":["a"],"for_ms":31622400000})")->hold == 366 * 24h);
}

TEST_CASE("every response comes back as it was written, its JSON untouched") {
    const Response plain{.ok = true, .error = {}, .exit_code = 0, .json = {}, .lines = {"one", "two \"x\"", ""}};
    const Response rich{.ok = true,
                        .error = {},
                        .exit_code = 7,
                        .json = R"({"version":1,"a":[1,2.5,null,"日本"],"b":18446744073709551615})",
                        .lines = {"x"}};
    for (const auto& response : {plain, rich, refusal("there is no rule 'x'"), refusal("no", exit_not_permitted)}) {
        const auto line = to_line(response);
        CHECK(line.find('\n') == line.size() - 1);
        CHECK(parse_response(line) == response);
    }
}

TEST_CASE("bytes that are no text reach the client as replacement characters instead of breaking the answer") {
    const auto answer = parse_response(to_line(refusal("no rule '\xff\xfe'")));
    REQUIRE(answer.has_value());
    CHECK(answer->error == "no rule '\xef\xbf\xbd\xef\xbf\xbd'");
}

TEST_CASE("what is no answer is an error") {
    for (const auto* line :
         {"", "null", "{}", R"({"ok":1})", R"({"ok":true,"exit_code":256})", R"({"ok":true,"exit_code":-1})",
          R"({"ok":true,"exit_code":"0"})", R"({"ok":true,"lines":["a",1]})", R"({"ok":true,"lines":"a"})",
          R"({"ok":false,"error":5})"}) {
        CAPTURE(line);
        CHECK_FALSE(parse_response(line).has_value());
    }
    // A newer daemon may say more.
    CHECK(parse_response(R"({"ok":true,"mood":"sunny"})").has_value());
}

TEST_CASE("no bytes whatever make the parsers throw") {
    std::mt19937 random{7};
    const std::string seed = to_line(of(Verb::status, {"scanner"}));
    for (int i = 0; i < 20'000; ++i) {
        auto line = seed;
        for (int j = 0; j < 3; ++j)
            line[random() % line.size()] = static_cast<char>(random());
        const auto request = parse_request(line);
        if (request) CHECK(parse_request(to_line(*request)) == *request);
        [[maybe_unused]] const auto response = parse_response(line);
    }
}
