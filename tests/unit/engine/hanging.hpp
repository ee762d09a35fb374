// A story with wait scans, and the rule that most of its tests are about.
#pragma once

#include "story.hpp"
#include "support/waits.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace nezuban::test {

struct Hanging : Story {
    explicit Hanging(RuleSpec spec) : Hanging(std::vector{std::move(spec)}) {}
    explicit Hanging(std::vector<RuleSpec> specs) : Story(std::move(specs)) {
        snapshot();
    }
    void scan(std::vector<ThreadWait> threads, std::vector<SocketQueue> sockets = {}) {
        look(scan_of(std::move(threads), std::move(sockets)));
    }
    void look(WaitScan seen) {
        tell(WaitsSeen{std::make_shared<const WaitScan>(std::move(seen))});
    }
    [[nodiscard]] std::vector<Finding> findings() const {
        return of("scanner").findings;
    }
};

// Nobody has to be there: else the first thing to tell would be that nobody is.
inline RuleSpec watching() {
    auto spec = rule("scanner", "scand");
    spec.count.min = 0;
    return spec;
}

inline RuleSpec mending() {
    auto spec = restartable("scanner", "scand");
    spec.hang.action = HangAction::restart;
    spec.count.min = 0;
    return spec;
}

} // namespace nezuban::test
