// The main of every rung. Its last lines are read by scripts/test: "SKIPPED test: why", "FAILED test: where and what",
// and "N passed, N failed, N skipped".
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/skip.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct Tally {
    int passed = 0;
    std::string running;
    std::string skip_reason;
    std::string excuse;
    std::string first_failure;
    std::vector<std::string> skipped;
    std::vector<std::string> failed;
};

// At most 300 bytes, whatever the test compared.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (text.size() > 300) text.replace(300, std::string::npos, "…");
    return text;
}

Tally& tally() {
    static Tally instance; // doctest makes its listeners itself: there is no other way to hand it over
    return instance;
}

struct Counter : doctest::IReporter {
    explicit Counter(const doctest::ContextOptions& /*options*/) {}

    void test_case_start(const doctest::TestCaseData& data) override {
        tally().running = data.m_name;
        tally().skip_reason.clear();
        tally().excuse.clear();
        tally().first_failure.clear();
    }
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        if (stats.failure_flags != 0 && !tally().excuse.empty()) {
            tally().skipped.push_back(tally().running + ": " + tally().excuse);
        } else if (stats.failure_flags != 0) {
            tally().failed.push_back(tally().running + ": " + one_line(tally().first_failure));
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
    void test_case_exception(const doctest::TestCaseException& exception) override {
        note(exception.error_string.c_str());
    }
    void subcase_start(const doctest::SubcaseSignature& /*signature*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& data) override {
        if (!data.m_failed) return;
        const std::string place = std::string(data.m_file) + ":" + std::to_string(data.m_line) + ": ";
        note(place + data.m_expr
             + (data.m_threw ? " threw " + std::string(data.m_exception.c_str())
                             : ": " + std::string(data.m_decomp.c_str())));
    }
    void log_message(const doctest::MessageData& data) override {
        if (data.m_severity != doctest::assertType::is_warn) note(data.m_string.c_str());
    }
    void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}

private:
    std::mutex mutex_; // assertions of other threads come from there

    void note(std::string failure) {
        const std::scoped_lock lock(mutex_);
        if (tally().first_failure.empty()) tally().first_failure = std::move(failure);
    }
};

DOCTEST_REGISTER_LISTENER("tally", 1, Counter);

} // namespace

void nezuban::test::skip(const std::string& reason) {
    tally().skip_reason = reason;
}

void nezuban::test::excuse(const std::string& reason) {
    tally().excuse = reason;
}

int main(int argc, char** argv) {
    // By lines, also into a file: a child between fork and exec would say what its parent hadn't written yet once more
    // (the thread sanitizer's _exit flushes), and one failure would become those of all that compare outputs.
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    doctest::Context context(argc, argv);
    context.setOption("no-intro", true);
    const int status = context.run();
    if (context.shouldExit()) return status;
    for (const auto& line : tally().skipped)
        std::printf("SKIPPED %s\n", line.c_str());
    for (const auto& line : tally().failed)
        std::printf("FAILED %s\n", line.c_str());
    std::printf("%d passed, %zu failed, %zu skipped\n", tally().passed, tally().failed.size(), tally().skipped.size());
    return tally().failed.empty() ? EXIT_SUCCESS : status;
}
