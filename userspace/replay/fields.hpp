// Takes fields out of a line of a record.
#pragma once

#include "core/process.hpp"
#include "core/time.hpp"
#include "replay/bytes.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban::replay_fields {

using Json = nlohmann::json;

// Takes fields out of an object and keeps the first thing that was wrong with one.
class Fields {
public:
    static constexpr std::int64_t longest = 10LL * 366 * 24 * 3600 * 1'000'000'000; // nanoseconds

    explicit Fields(const Json& object) : object_(object) {}

    template <typename Number> Number number(const char* name, Number otherwise) {
        const auto* value = find(name);
        return value == nullptr ? otherwise : checked<Number>(name, *value).value_or(otherwise);
    }
    template <typename Number> Number required(const char* name) {
        const auto* value = find(name);
        if (value != nullptr) return checked<Number>(name, *value).value_or(Number{});
        complain(fmt::format("'{}' is missing", name));
        return {};
    }
    // Absent: zero. One beyond ten years is a slip, or would overflow a clock.
    Duration duration(const char* name) {
        const auto count = number<std::int64_t>(name, 0);
        if (count >= -longest && count <= longest) return Duration{count};
        complain(fmt::format("'{}' is out of range", name));
        return {};
    }
    bool flag(const char* name, bool otherwise) {
        const auto* value = find(name);
        if (value == nullptr) return otherwise;
        if (value->is_boolean()) return value->get<bool>();
        complain(fmt::format("'{}' must be true or false", name));
        return otherwise;
    }
    Text text(const char* name) {
        const auto* value = find(name);
        if (value == nullptr) return nullptr;
        if (value->is_string())
            return std::make_shared<const std::string>(utf8_to_bytes(value->get_ref<const std::string&>()));
        complain(fmt::format("'{}' must be a string", name));
        return nullptr;
    }
    // Joined by the mark that ends each one.
    Text list(const char* name, const char* open_name, char end) {
        const auto* value = find(name);
        if (value == nullptr) return nullptr;
        std::string joined;
        bool strings = value->is_array();
        for (auto item = value->begin(); strings && item != value->end(); ++item) {
            strings = item->is_string();
            if (strings) joined += utf8_to_bytes(item->get_ref<const std::string&>()) + end;
        }
        if (!strings) complain(fmt::format("'{}' must be an array of strings", name));
        if (flag(open_name, false) && !joined.empty()) joined.pop_back();
        return std::make_shared<const std::string>(std::move(joined));
    }
    std::string comm(const char* name) {
        const auto value = text(name);
        return value ? *value : std::string{};
    }
    [[nodiscard]] bool has(const char* name) const {
        return find(name) != nullptr;
    }
    std::vector<std::string> strings(const char* name) {
        const auto* value = find(name);
        std::vector<std::string> all;
        if (value == nullptr) return all;
        bool strings = value->is_array();
        for (auto item = value->begin(); strings && item != value->end(); ++item) {
            strings = item->is_string();
            if (strings) all.push_back(item->get<std::string>());
        }
        if (!strings) complain(fmt::format("'{}' must be an array of strings", name));
        return all;
    }
    void complain(std::string problem) {
        if (!problem_) problem_ = std::move(problem);
    }
    [[nodiscard]] const std::optional<std::string>& problem() const {
        return problem_;
    }

    // Objects of an array; anything else in it is complained of.
    void each(const char* name, const std::function<void(Fields&)>& take) {
        const auto* value = find(name);
        if (value == nullptr) return;
        if (!value->is_array()) return complain(fmt::format("'{}' must be an array of objects", name));
        for (const auto& item : *value) {
            if (!item.is_object()) return complain(fmt::format("'{}' must be an array of objects", name));
            Fields fields{item};
            take(fields);
            if (fields.problem()) complain(fmt::format("{}: {}", name, *fields.problem()));
        }
    }

private:
    [[nodiscard]] const Json* find(const char* name) const {
        const auto found = object_.find(name);
        return found == object_.end() ? nullptr : &*found;
    }
    template <typename Number> std::optional<Number> checked(const char* name, const Json& value) {
        if (value.is_number_unsigned() && std::in_range<Number>(value.get<std::uint64_t>()))
            return static_cast<Number>(value.get<std::uint64_t>());
        if (value.is_number_integer() && !value.is_number_unsigned()
            && std::in_range<Number>(value.get<std::int64_t>()))
            return static_cast<Number>(value.get<std::int64_t>());
        complain(fmt::format("'{}' must be a whole number from {} to {}", name, std::numeric_limits<Number>::min(),
                             std::numeric_limits<Number>::max()));
        return std::nullopt;
    }

    const Json& object_;
    std::optional<std::string> problem_;
};

} // namespace nezuban::replay_fields
