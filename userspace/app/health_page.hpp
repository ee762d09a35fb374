// When the daemon publishes what `health` reads, and how often it says that it is alive.
#pragma once

#include "control/health_text.hpp"
#include "core/incident.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "io/shared_page.hpp"

#include <functional>
#include <string>

namespace nezuban {

// A new text: at the latest after half a second, because counts change without a word; at once when a rule is given up;
// as soon as the cost allows it when anything else was told. Pure.
class HealthPace {
public:
    void changed(bool at_once);
    void published(Time began, Time ended);
    [[nodiscard]] Time next() const; // in the past: now

private:
    bool at_once_ = true;
    bool changed_ = false;
    Time last_{};
    Duration cost_{};
};

class HealthPage {
public:
    // Beside the socket; the configuration as an absolute path.
    static Result<HealthPage> open(const std::string& socket, const std::string& config);

    void told(const Incident& incident);
    void changed(bool at_once) {
        pace_.changed(at_once);
    }
    [[nodiscard]] Time next_deadline() const {
        return pace_.next();
    }
    // Each turn of the loop. view is asked for when a text is due. Of a row of errors only the first is returned.
    Result<void> turn(Time now, const std::function<HealthText()>& view);
    // The last words: "it ended with exit code 0".
    Result<void> end(HealthText text, std::string words);

    [[nodiscard]] const std::string& weakness() const {
        return page_.weakness();
    }

private:
    HealthPage(std::string path, std::string config, SharedPage page)
        : path_(std::move(path)), config_(std::move(config)), page_(std::move(page)) {}
    Result<void> publish(HealthText text);
    Result<void> write(HealthText text);

    std::string path_;
    std::string config_;
    SharedPage page_;
    HealthPace pace_;
    Time beat_{};
    bool failing_ = false; // and that was said
};

} // namespace nezuban
