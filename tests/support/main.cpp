// The main of every rung. Its last line is read by scripts/test: "N passed, N failed, N skipped".
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/skip.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct Tally {
    int passed = 0;
    int failed = 0;
    std::string running;
    std::string skip_reason;
    std::vector<std::string> skipped;
};

Tally& tally() {
    static Tally instance; // doctest makes its listeners itself: there is no other way to hand it over
    return instance;
}

struct Counter : doctest::IReporter {
    explicit Counter(const doctest::ContextOptions& /*options*/) {}

    void test_case_start(const doctest::TestCaseData& data) override {
        tally().running = data.m_name;
        tally().skip_reason.clear();
    }
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        if (stats.failure_flags != 0) {
            ++tally().failed;
        } else if (!tally().skip_reason.empty()) {
            tally().skipped.push_back(tally().running + ": " + tally().skip_reason);
        } else {
            ++tally().passed;
        }
    }
    void report_query(const doctest::QueryData& /*data*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*signature*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& /*data*/) override {}
    void log_message(const doctest::MessageData& /*data*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}
};

DOCTEST_REGISTER_LISTENER("tally", 1, Counter);

} // namespace

void nezuban::test::skip(const std::string& reason) {
    tally().skip_reason = reason;
}

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    context.setOption("no-intro", true);
    const int status = context.run();
    if (context.shouldExit()) return status;
    for (const auto& line : tally().skipped)
        std::printf("SKIPPED %s\n", line.c_str());
    std::printf("%d passed, %d failed, %zu skipped\n", tally().passed, tally().failed, tally().skipped.size());
    return status;
}
