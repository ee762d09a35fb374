// The history as it is written, followed line by line.
#pragma once

#include "daemon.hpp"

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nezuban::test {

class Events {
public:
    // Everything from the beginning of the history on.
    explicit Events(const Daemon& daemon)
        : child_({nezuban_binary(), "events", "--json", "-f", "-n", "1000000", "-c", daemon.config()}) {}

    nlohmann::json next(Deadline deadline = after()) {
        seen_.push_back(child_.read_line(deadline));
        return nlohmann::json::parse(seen_.back());
    }

    // The next one that is so; throws, with all that came, when it doesn't come in time.
    nlohmann::json await(const std::function<bool(const nlohmann::json&)>& wanted, Deadline deadline = after()) {
        try {
            for (;;) {
                auto event = next(deadline);
                if (wanted(event)) return event;
            }
        } catch (const std::runtime_error& error) {
            std::string all;
            for (const auto& line : seen_)
                all += "\n  " + line;
            throw std::runtime_error(std::string(error.what()) + "; events until then:" + all);
        }
    }
    nlohmann::json await(const std::string& rule, const std::string& happening, Deadline deadline = after()) {
        return await([&](const nlohmann::json& event) { return event["rule"] == rule && event["event"] == happening; },
                     deadline);
    }

    // What has been read, as it came.
    [[nodiscard]] const std::vector<std::string>& seen() const {
        return seen_;
    }

private:
    Child child_;
    std::vector<std::string> seen_;
};

} // namespace nezuban::test
