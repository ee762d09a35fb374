#include "rules/candidates.hpp"

#include "rules/matcher.hpp"
#include "rules/needs_table.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace nezuban;

namespace {

constexpr int many = 1000;

Text text(std::string value) {
    return std::make_shared<const std::string>(std::move(value));
}

Process java(int number) {
    return {.id = {.pid = 10, .start_ns = 1},
            .uid = 1000,
            .gid = 1000,
            .comm = "java",
            .exe = text("/usr/lib/jvm/bin/java"),
            .args = text(fmt::format("java{0}-jar{0}/srv/app-{1:04}.jar{0}", '\0', number)),
            .cgroups = text(fmt::format("/system.slice/app-{:04}.service", number))};
}

// How many of a thousand rules, each of them about one service, are tried.
template <typename Make> std::size_t tried(Make make, const Process& process) {
    std::vector<MatchSpec> rules;
    for (int i = 0; i < many; ++i)
        rules.push_back(make(i));
    Candidates::Places places;
    Candidates(rules).find(process, places);
    return places.size();
}

// Random rules and processes out of few words, so that they meet.
class Dice {
public:
    explicit Dice(unsigned seed) : dice_(seed) {}

    bool one_in(unsigned n) {
        return dice_() % n == 0;
    }
    std::string any_of(const std::vector<std::string>& words) {
        return words[dice_() % words.size()];
    }
    std::uint32_t id() {
        return static_cast<std::uint32_t>(dice_() % 3);
    }

    MatchSpec rule() {
        MatchSpec rule{.kernel_thread = one_in(4)};
        if (one_in(3)) rule.comm = any_of(rule.kernel_thread ? name_globs : comms);
        if (one_in(3)) rule.exe = any_of(exe_globs);
        while (one_in(3))
            rule.args.push_back(any_of(arguments));
        if (one_in(4)) rule.args_regex = any_of(expressions);
        if (one_in(4)) rule.user = Principal{"u", id()};
        if (one_in(4)) rule.group = Principal{"g", id()};
        if (one_in(5)) rule.cgroup = any_of(cgroup_globs);
        if (one_in(5)) rule.unit = any_of(units);
        return rule;
    }
    Process process() {
        Process process{.uid = id(), .gid = id(), .kernel_thread = one_in(4)};
        process.comm = any_of(process.kernel_thread ? thread_comms : comms);
        if (process.kernel_thread && one_in(2)) process.name = text(process.comm + any_of({"", "-nfsd4", "+events"}));
        if (!one_in(4)) process.exe = text(any_of(exes));
        if (!one_in(4)) {
            std::string args;
            for (auto i = dice_() % 4; i > 0; --i)
                args += any_of(arguments) + '\0';
            process.args = text(args + (one_in(8) ? std::string(2, '\0') : ""));
        }
        if (!one_in(4)) process.cgroups = text("/" + any_of(units) + "/x\n/" + any_of(units));
        return process;
    }

private:
    std::mt19937 dice_;
    std::vector<std::string> comms{"java", "scand", "a", "Scand", "sh"};
    std::vector<std::string> thread_comms{"kworker/0:1", "kworker/u8:2", "nfsd", "kswapd0", "a-long-name-of-1"};
    std::vector<std::string> name_globs{"kworker/*", "kworker/*-nfsd4",   "nfsd", "*", "*swap*",
                                        "k[sw]*",    "a-long-name-of-1*", "[x"};
    std::vector<std::string> exes{"/usr/bin/java", "/opt/A/java", "/opt/b/c/scand", "/x", "\xc9t\xe9"};
    std::vector<std::string> exe_globs{"/usr/bin/java", "/opt/*/java", "**/scand",       "*",  "/opt/**",
                                       "/[xy]",         "\xc9*",       "/opt/[!B]/java", "/?", ""};
    std::vector<std::string> arguments{"-jar", "app-1", "app-10", "APP-1", "", "a b", "x", "\xc9"};
    std::vector<std::string> expressions{"app-1$",     "(?i)app-1\\b", "^-jar", ".",  "x|app",
                                         "app-1 .*x",  "-(jar|x)",     "",      "(",  "(?i)\xe9",
                                         "app-[0-9]+", "[xy]",         "^$",    "a b"};
    std::vector<std::string> units{"a.service", "b.service", "docker", "A.service"};
    std::vector<std::string> cgroup_globs{"/docker/*", "/*.service/x", "**", "/a.*", "/*"};
};

} // namespace

TEST_CASE("a process is tried against the rules that could mean it, not against a thousand") {
    const auto process = java(7);
    const auto number = [](const char* form, int i) { return fmt::format(fmt::runtime(form), i); };

    CHECK(tried([&](int i) { return MatchSpec{.comm = number("app-{:04}", i)}; }, process) == 0);
    CHECK(tried([&](int i) { return MatchSpec{.user = Principal{"u", static_cast<std::uint32_t>(i)}}; }, process) == 0);
    CHECK(tried([&](int i) { return MatchSpec{.user = Principal{"u", static_cast<std::uint32_t>(i + 1000)}}; }, process)
          == 1);
    CHECK(tried([&](int i) { return MatchSpec{.exe = number("/srv/app-{:04}/bin/app", i)}; }, process) == 0);
    CHECK(tried([&](int i) { return MatchSpec{.exe = number("/srv/**/app-{:04}/*", i)}; }, process) == 0);
    CHECK(tried([&](int i) { return MatchSpec{.args = {number("/srv/app-{:04}.jar", i)}}; }, process) == 1);
    CHECK(tried([&](int i) { return MatchSpec{.args_regex = number("java .*app-{:04}\\.jar", i)}; }, process) == 1);
    CHECK(tried([&](int i) { return MatchSpec{.args_regex = number("(?i)APP-{:04}\\.(jar|war)$", i)}; }, process) == 1);
    CHECK(tried([&](int i) { return MatchSpec{.unit = number("app-{:04}.service", i)}; }, process) == 1);
    CHECK(tried([&](int i) { return MatchSpec{.cgroup = number("/*.slice/app-{:04}.*", i)}; }, process) == 1);
}

TEST_CASE("what a thousand rules have in common is not what they are found by") {
    const auto rule = [](int i) {
        return MatchSpec{.comm = "java",
                         .exe = "/usr/lib/jvm/**/java",
                         .args = {"-jar"},
                         .args_regex = fmt::format("app-{:04}", i),
                         .user = Principal{"app", 1000}};
    };
    CHECK(tried(rule, java(7)) == 1);
    CHECK(tried(rule, java(many)) == 0);
}

TEST_CASE("an expression that anything could match does not stand in the way of a better handle") {
    const auto rule = [](int i) {
        return MatchSpec{.args_regex = ".", .user = Principal{"u", static_cast<std::uint32_t>(i)}};
    };
    CHECK(tried(rule, java(7)) == 0);
}

TEST_CASE("kernel threads are tried against rules about kernel threads, found by their names") {
    const auto rule = [](int i) {
        return MatchSpec{.comm = fmt::format("kworker/*-disk{:04}", i), .kernel_thread = true};
    };
    const Process worker{.kernel_thread = true, .comm = "kworker/0:1", .name = text("kworker/0:1-disk0007")};

    CHECK(tried(rule, worker) == 1);
    CHECK(tried(rule, java(7)) == 0);
    CHECK(tried([](int) { return MatchSpec{.any = true}; }, worker) == 0);
}

TEST_CASE("the candidates are those that trying every rule would find, and the needs are the sum of theirs") {
    for (unsigned seed = 1; seed <= 60; ++seed) {
        Dice dice(seed);
        std::vector<MatchSpec> rules;
        std::vector<Matcher> matchers;
        for (int i = 0; i < 60; ++i) {
            rules.push_back(dice.rule());
            matchers.emplace_back(rules.back());
        }
        const Candidates candidates(rules);
        NeedsTable needs;
        for (const auto& matcher : matchers)
            needs.add(matcher, matcher.needs());
        for (int i = 0; i < 100; ++i) {
            const auto process = dice.process();
            Candidates::Places all;
            Candidates::Places found;
            Needs sum;
            for (std::size_t place = 0; place < matchers.size(); ++place) {
                if (matchers[place].matches(process)) all.push_back(place);
                if (!matchers[place].possible(process)) continue;
                const auto asked = matchers[place].needs();
                sum = {.exe = sum.exe || asked.exe,
                       .args = sum.args || asked.args,
                       .cgroups = sum.cgroups || asked.cgroups,
                       .name = sum.name || asked.name};
            }
            candidates.find(process, found);
            CHECK(std::is_sorted(found.begin(), found.end()));
            std::erase_if(found, [&](std::size_t place) { return !matchers[place].matches(process); });
            REQUIRE_MESSAGE(found == all, "seed " << seed << ", process " << i);
            REQUIRE_MESSAGE(needs.of(process) == sum, "seed " << seed << ", process " << i);
        }
    }
}
