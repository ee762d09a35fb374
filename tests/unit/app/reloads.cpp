#include "app/reloads.hpp"

#include "app/told_sources.hpp"
#include "io/clock.hpp"
#include "unit/config/in_memory.hpp"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr const char* main_file = "/etc/nezuban/nezuban.toml";
constexpr Duration plenty = 20s;

const Texts texts{
    {main_file, "include = [\"conf.d/*\"]\n[[process]]\nname = \"a\"\nmatch.comm = \"a\"\nmatch.user = \"mailsec\"\n"},
    {"/etc/nezuban/conf.d/b", "[[process]]\nname = \"b\"\nmatch.group = \"root\"\n# 7:\n\0 \xff"s},
    {"/etc/nezuban/conf.d/c", "[[process]]\nname = \"c\"\nmatch.user = \"nobody-knows\"\n"},
};

// With what an alterable look finds.
Sources sources() {
    auto all = sources_of(texts);
    all.alterable = [](const std::vector<Questioned>& questions) {
        std::vector<std::optional<Alterable>> answers(questions.size());
        answers.at(1) = Alterable{.how = "/etc belongs to uid 7", .mend = "chown root /etc"};
        answers.at(2) = Alterable{.how = "no answer", .mend = {}, .unknown = true};
        return answers;
    };
    return all;
}

Sources that_never_knows(std::string user) {
    auto all = sources_of(texts);
    all.user = [user = std::move(user)](const std::string& name) {
        while (name == user)
            ::pause();
        return std::optional<std::uint32_t>(1);
    };
    return all;
}

std::string told_of(const Sources& from) {
    std::string said;
    tell_sources(main_file, from, [&](std::string_view text) { said += text; });
    return said;
}

std::vector<std::string> lines_of(const Loaded& loaded) {
    std::vector<std::string> lines;
    for (const auto& diagnostic : loaded.diagnostics)
        lines.push_back(render(diagnostic));
    return lines;
}

// What a reload reads is whether it got its answers.
struct House {
    Loop loop = std::move(*Loop::create());
    int begun = 0;
    std::vector<std::string> read;
    Reloads reloads;

    explicit House(Sources from, Duration patience = plenty)
        : reloads(loop, main_file, std::move(from),
                  {.begun = [this] { ++begun; },
                   .read =
                       [this](const Result<Sources>& told) {
                           read.push_back(told ? "read" : told.error().text);
                           return told ? Response{.lines = {"read"}} : refusal(told.error().text);
                       }},
                  patience) {}

    template <typename Condition> void until(Condition condition) {
        const auto give_up = monotonic_now() + plenty;
        while (!condition()) {
            REQUIRE(monotonic_now() < give_up);
            REQUIRE(loop.step(std::min(reloads.next_deadline().value_or(give_up), give_up)));
            reloads.advance(monotonic_now());
        }
    }
    Reloads::Reply into(std::vector<std::string>& answers) {
        return [&answers](const Response& response) {
            answers.push_back(response.ok ? response.lines.at(0) : response.error);
        };
    }
};

} // namespace

TEST_CASE("what was told of a configuration reads as the configuration itself does") {
    auto from = sources();
    const auto itself = load(main_file, from);
    REQUIRE(itself.diagnostics.size() >= 3);

    const auto told = told_sources(told_of(from), true);

    REQUIRE(told);
    const auto again = load(main_file, *told);
    CHECK(lines_of(again) == lines_of(itself));
    CHECK(again.spec.rules == itself.spec.rules);
    CHECK(again.spec.daemon == itself.spec.daemon);
}

TEST_CASE("what was told in part says what had no answer, wherever it was cut off") {
    const auto all = told_of(sources());
    for (std::size_t size = 0; size < all.size(); ++size)
        CHECK_FALSE(told_sources(all.substr(0, size), false));
    CHECK(told_sources("", false).error().text == "beginning to read");
    CHECK(told_sources(all.substr(0, all.find("mailsec") + 7), false).error().text
          == std::string("reading ") + main_file);
    CHECK_FALSE(told_sources(all + "rest", true));
    CHECK_FALSE(told_sources("7:reading1:x3:yes99999999999:", true));
    CHECK_FALSE(told_sources("24:looking for what matches1:*3:yes18:999999999999999999", true));
}

TEST_CASE("a reload is answered when all is read, and whoever asks meanwhile gets the one after it") {
    House here(sources());
    std::vector<std::string> answers;
    here.reloads.ask(here.into(answers));
    here.reloads.ask(here.into(answers));
    here.reloads.ask(here.into(answers));
    CHECK(here.begun == 1);
    const auto first = static_cast<pid_t>(here.reloads.pid());
    CHECK(first != 0);
    here.until([&] { return answers.size() == 3; });
    CHECK(answers == std::vector<std::string>(3, "read"));
    CHECK(here.begun == 2);
    CHECK(here.reloads.pid() == 0);
    CHECK_FALSE(here.reloads.next_deadline());
    CHECK(::waitpid(first, nullptr, WNOHANG) < 0); // nor is there a zombie
}

TEST_CASE("a reload that nobody answers ends in its time, names what it waited for, and lets the next one go") {
    House here(that_never_knows("mailsec"), 200ms);
    std::vector<std::string> answers;
    here.reloads.ask(here.into(answers));
    const auto first = here.reloads.pid();
    here.reloads.ask(here.into(answers));
    here.until([&] { return answers.size() == 1; });
    CHECK(answers[0] == "asking for the user mailsec: no answer within 200 ms");
    CHECK(here.reloads.pid() != first);
    here.until([&] { return answers.size() == 2; });
    CHECK(here.begun == 2);
}

TEST_CASE("of a child that is killed the reload tells, too") {
    House here(that_never_knows("mailsec"));
    std::vector<std::string> answers;
    here.reloads.ask(here.into(answers));
    ::kill(static_cast<pid_t>(here.reloads.pid()), SIGKILL);
    here.until([&] { return answers.size() == 1; });
    CHECK(answers[0].ends_with(": who asked was killed"));
}

TEST_CASE("who waits when no more is read is told so, and so is one too many") {
    House here(that_never_knows("mailsec"));
    std::vector<std::string> answers;
    for (std::size_t i = 0; i < 1 + Reloads::queue_limit; ++i)
        here.reloads.ask(here.into(answers));
    CHECK(answers.empty());
    here.reloads.ask(here.into(answers));
    CHECK(answers == std::vector<std::string>{"too many reloads are waiting for one that is under way"});
    here.reloads.stop(refusal("stopping"));
    CHECK(answers.size() == 2 + Reloads::queue_limit);
    CHECK(answers.back() == "stopping");
    CHECK(here.read.empty());
}
