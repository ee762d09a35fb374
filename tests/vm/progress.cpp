// One line for each check, so that the console of a kernel that hangs says at what.
#include <cstdio>
#include <string>

#include <doctest/doctest.h>

namespace {

struct Progress : doctest::IReporter {
    std::string running;

    explicit Progress(const doctest::ContextOptions& /*options*/) {
        std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    }

    void test_case_start(const doctest::TestCaseData& data) override {
        running = data.m_name;
    }
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        std::printf("%s %s (%.2f s)\n", stats.failure_flags == 0 ? "done   " : "FAILED ", running.c_str(),
                    stats.seconds);
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

DOCTEST_REGISTER_LISTENER("progress", 2, Progress);

} // namespace
