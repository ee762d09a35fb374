// What the stories about hangs share.
#pragma once

#include "e2e/stage.hpp"
#include "support/hang.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace nezuban::test {

// Only the kinds that the story is about: everything else is off, so that one story is never told by another's finding.
inline std::string hang_rule(const std::string& name, const std::string& kinds, const std::string& keys = "") {
    std::string text = "count.min = 0\n";
    for (const auto* kind : {"uninterruptible", "stopped", "unserved", "deadlock"})
        if (kinds.find(std::string("hang.") + kind + " ") == std::string::npos)
            text += std::string("hang.") + kind + (kind == std::string("deadlock") ? " = false\n" : " = \"off\"\n");
    return rule(name, text + kinds + "\n" + keys);
}

// The first hang of each of these rules, by rule; others may come in between, in any order.
inline std::map<std::string, json> first_hangs(Events& events, std::set<std::string> rules) {
    std::map<std::string, json> found;
    while (!rules.empty()) {
        auto event = events.await(
            [&](const json& one) { return one["event"] == "hang" && rules.contains(one["rule"].get<std::string>()); });
        const auto name = event["rule"].get<std::string>();
        rules.erase(name);
        found[name] = std::move(event);
    }
    return found;
}

// Told with how long it was: "... 1.5 s".
inline bool says_how_long(const json& event) {
    const auto reason = event.at("reason").get<std::string>();
    for (const auto* unit : {" ms", " s", " min"}) {
        const auto at = reason.find(unit);
        if (at != std::string::npos && at > 0 && reason[at - 1] >= '0' && reason[at - 1] <= '9') return true;
    }
    return false;
}

// A process that is stopped from its beginning: when that is told, after one second, at least two scans have been and
// whatever they have found of others has been told as well.
class Later {
public:
    Later() : name_(fresh_name()) {}
    [[nodiscard]] std::string rule() const {
        return hang_rule(name_, "hang.stopped = \"1s\"");
    }
    void come(Events& events) const {
        auto sleeper = start_program("nzidle", {"--name", name_});
        sleeper.signal(SIGSTOP);
        events.await(name_, "hang");
        sleeper.signal(SIGCONT);
        events.await(name_, "recovered");
    }

private:
    std::string name_;
};

} // namespace nezuban::test
