// Evidence as named values, in an order: what JSON shows as an object and a log line as "key: value".
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace nezuban {

struct Fact;
using Facts = std::vector<Fact>;

struct Fact {
    using Value = std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>, std::vector<Facts>>;

    std::string key;
    Value value;

    Fact(std::string name, std::string text) : key(std::move(name)), value(std::move(text)) {}
    Fact(std::string name, const char* text) : key(std::move(name)), value(std::string(text)) {}
    Fact(std::string name, std::int64_t number) : key(std::move(name)), value(number) {}
    Fact(std::string name, std::uint64_t number) : key(std::move(name)), value(static_cast<std::int64_t>(number)) {}
    Fact(std::string name, std::uint32_t number) : key(std::move(name)), value(std::int64_t{number}) {}
    Fact(std::string name, int number) : key(std::move(name)), value(std::int64_t{number}) {}
    Fact(std::string name, double number) : key(std::move(name)), value(number) {}
    Fact(std::string name, bool flag) : key(std::move(name)), value(flag) {}
    Fact(std::string name, std::vector<std::string> list) : key(std::move(name)), value(std::move(list)) {}
    Fact(std::string name, std::vector<Facts> list) : key(std::move(name)), value(std::move(list)) {}

    friend bool operator==(const Fact&, const Fact&) = default;
};

// For a line of log: lists joined, objects as "key value key value".
[[nodiscard]] std::string text_of(const Fact& fact);

} // namespace nezuban
