// What cannot run here says so, loudly, with its reason.
#pragma once

#include <string>

namespace nezuban::test {

// Counts the running test as skipped instead of passed.
void skip(const std::string& reason);

// Should the running test fail, it was for this: it counts as skipped.
void excuse(const std::string& reason);

} // namespace nezuban::test

#define SKIP(reason)                                                                                                   \
    do {                                                                                                               \
        nezuban::test::skip(reason);                                                                                   \
        return;                                                                                                        \
    } while (false)
