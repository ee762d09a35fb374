#include "core/fact.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

std::string joined(const Facts& facts) {
    std::string text;
    for (const auto& fact : facts) {
        text += (text.empty() ? "" : " ") + fact.key + " " + text_of(fact);
    }
    return text;
}

struct ToText {
    std::string operator()(const std::string& text) const {
        return text;
    }
    std::string operator()(std::int64_t number) const {
        return std::to_string(number);
    }
    std::string operator()(double number) const {
        return fmt::format("{:.3g}", number);
    }
    std::string operator()(bool flag) const {
        return flag ? "yes" : "no";
    }
    std::string operator()(const std::vector<std::string>& list) const {
        return fmt::format("{}", fmt::join(list, " < "));
    }
    std::string operator()(const std::vector<Facts>& list) const {
        std::string text;
        for (const auto& facts : list) {
            text += (text.empty() ? "" : ", ") + joined(facts);
        }
        return text;
    }
};

} // namespace

std::string text_of(const Fact& fact) {
    return std::visit(ToText{}, fact.value);
}

} // namespace nezuban
