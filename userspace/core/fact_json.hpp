// Facts as a JSON object and back, for any nlohmann::basic_json: core/ itself knows no JSON.
#pragma once

#include "core/fact.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

template <typename Json> Json facts_json(const Facts& facts) {
    struct ToJson {
        Json operator()(const std::vector<Facts>& list) const {
            auto array = Json::array();
            for (const auto& each : list) {
                array.push_back(facts_json<Json>(each));
            }
            return array;
        }
        Json operator()(const std::string& text) const {
            return text;
        }
        Json operator()(const std::vector<std::string>& list) const {
            return list;
        }
        Json operator()(std::int64_t number) const {
            return number;
        }
        Json operator()(double number) const {
            return number;
        }
        Json operator()(bool flag) const {
            return flag;
        }
    };
    auto object = Json::object();
    for (const auto& fact : facts) {
        object[fact.key] = std::visit(ToJson{}, fact.value);
    }
    return object;
}

// What facts_json has written; what it can't have written becomes its text.
template <typename Json> Facts facts_of(const Json& object) {
    Facts facts;
    if (!object.is_object()) return facts;
    for (const auto& [key, value] : object.items()) {
        const auto all = [&value](const auto& is) {
            for (const auto& each : value) {
                if (!is(each)) return false;
            }
            return value.is_array() && !value.empty();
        };
        if (value.is_string()) {
            facts.emplace_back(key, value.template get<std::string>());
        } else if (value.is_boolean()) {
            facts.emplace_back(key, value.template get<bool>());
        } else if (value.is_number_integer()) {
            facts.emplace_back(key, value.template get<std::int64_t>());
        } else if (value.is_number_float()) {
            facts.emplace_back(key, value.template get<double>());
        } else if (all([](const Json& each) { return each.is_string(); })) {
            facts.emplace_back(key, value.template get<std::vector<std::string>>());
        } else if (all([](const Json& each) { return each.is_object(); })) {
            std::vector<Facts> list;
            for (const auto& each : value) {
                list.push_back(facts_of(each));
            }
            facts.emplace_back(key, std::move(list));
        } else {
            facts.emplace_back(key, value.dump());
        }
    }
    return facts;
}

} // namespace nezuban
