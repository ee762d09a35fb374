// `nezuban health` where nothing works any more: what it can't tell it says, and never in the words of "failed".
#include "cli/main.hpp"
#include "cli/verbs.hpp"
#include "control/health_reader.hpp"
#include "io/clock.hpp"
#include "io/shared_page.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <iostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <pthread.h>

using namespace nezuban;

namespace {

constexpr std::array<std::pair<HealthStyle, int>, 5> cannot_tell{{{HealthStyle::clusterpro, 2},
                                                                  {HealthStyle::ocf, 1},
                                                                  {HealthStyle::nagios, 3},
                                                                  {HealthStyle::keepalived, 1},
                                                                  {HealthStyle::lsb, 4}}};

// No thread can be begun: as where pids or memory are used up, there is no room for its stack.
class NoThreads {
public:
    NoThreads() {
        pthread_attr_init(&usual_);
        pthread_getattr_default_np(&usual_);
        pthread_attr_t huge;
        pthread_attr_init(&huge);
        pthread_attr_setstacksize(&huge, std::size_t{1} << 46U);
        REQUIRE(pthread_setattr_default_np(&huge) == 0);
        pthread_attr_destroy(&huge);
    }
    ~NoThreads() {
        pthread_setattr_default_np(&usual_);
        pthread_attr_destroy(&usual_);
    }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;
    NoThreads(NoThreads&&) = delete;
    NoThreads& operator=(NoThreads&&) = delete;

private:
    pthread_attr_t usual_{};
};

// Like /dev/full, or the pipe of a reader that has gone.
struct Unwritable : std::streambuf {};

// Standard output is this, as long as it lives.
class Output {
public:
    explicit Output(std::streambuf& buffer) : usual_(std::cout.rdbuf(&buffer)) {}
    ~Output() {
        std::cout.rdbuf(usual_);
        std::cout.clear();
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    Output(Output&&) = delete;
    Output& operator=(Output&&) = delete;

private:
    std::streambuf* usual_;
};

struct Site {
    test::TempDir directory;
    std::string socket = directory.file("control.sock");
    SharedPage page;

    explicit Site(std::string_view text = "end\n") : page(std::move(*SharedPage::create(health_path(socket), 4096))) {
        page.beat(monotonic_now());
        REQUIRE(page.publish(text).has_value());
    }
    [[nodiscard]] int asked(std::vector<std::string> words) const {
        words.insert(words.begin(), {"nezuban", "health", "--socket", socket});
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        return cli_main(static_cast<int>(words.size()), argv.data());
    }
};

} // namespace

TEST_CASE("health that can't begin the thread that reads the configuration can't tell, in every style") {
    const Site site;
    Options options;
    options.config =
        site.directory.write("n.toml", "[daemon]\nsocket = \"" + site.socket + "\"\n"); // nobody is at the usual place
    const NoThreads none;
    for (const auto& [style, code] : cannot_tell) {
        options.style = style;
        std::ostringstream out;
        CHECK(run_health(options, out) == code);
        CHECK(out.str().find("no thread could be begun to read " + options.config + ": ") != std::string::npos);
        CHECK(out.str().ends_with("\n"));
    }
}

TEST_CASE("an output that takes nothing makes nobody ill") {
    const Site site;
    Unwritable full;
    const Output output(full);
    for (const auto& [style, code] : cannot_tell)
        CHECK(site.asked({"--style", std::string(name_of(style))}) == 0);
}

TEST_CASE("... and nobody well") {
    const Site site("rule\tscanner\texhausted\t0\t1\t-\tfailed\tgone\nend\n");
    Unwritable full;
    const Output output(full);
    CHECK(site.asked({"--style=nagios"}) == 2);
    CHECK(site.asked({"--style=clusterpro"}) == 1);
}
