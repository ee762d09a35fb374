#include "app/args_reader.hpp"

#include "io/clock.hpp"
#include "io/loop.hpp"
#include "io/procfs.hpp"
#include "io/spawner.hpp"
#include "support/hang.hpp"
#include "support/privilege.hpp"
#include "support/temp_dir.hpp"

#include <csignal>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;
using namespace std::chrono_literals;

namespace {

// It is started as "this program, args": here, too.
[[gnu::constructor]] void become_reader(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "args") == 0) ::_exit(args_reader_main());
}

constexpr std::uint32_t somebody = 1000;
constexpr std::uint32_t another = 1001;

ArgsReader::Asked process(std::uint32_t pid, std::uint32_t uid = somebody) {
    return {.id = {.pid = pid, .start_ns = 1}, .uid = uid, .comm = fmt::format("comm-{}", pid)};
}
ArgsReader::Asked ourselves(std::uint32_t uid = somebody) {
    return process(static_cast<std::uint32_t>(::getpid()), uid);
}

struct Reading {
    Loop loop = Loop::create().value();
    Spawner spawner = Spawner::start().value();
    std::vector<std::string> log;
    ArgsReader reader{spawner, [this](std::string line) { log.push_back(std::move(line)); }};

    Reading() {
        REQUIRE(spawner.attach(loop));
    }
    // "?" for those whose aren't known.
    std::vector<std::string> read(const std::vector<ArgsReader::Asked>& asked) {
        std::vector<std::string> texts;
        for (const auto& text : reader.read(asked))
            texts.push_back(text ? *text : "?");
        return texts;
    }
    void send(int signal) const {
        REQUIRE(reader.pid() != 0);
        REQUIRE(::kill(static_cast<pid_t>(reader.pid()), signal) == 0);
    }
};

const std::string& ours() {
    static const auto text = read_args(static_cast<std::uint32_t>(::getpid())).value();
    return text;
}

// Processes whose memory is locked by themselves.
class Holders {
public:
    explicit Holders(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            all_.emplace_back("nzstuck", std::vector<std::string>{"memory", places_.emplace_back().path().string()},
                              "nz-holder");
            all_.back().tell("hold");
        }
    }
    [[nodiscard]] std::uint32_t pid(std::size_t i) const {
        return all_[i].said().at("holder").get<std::uint32_t>();
    }
    void release() {
        for (auto& one : all_)
            one.tell("release");
    }

private:
    std::deque<TempDir> places_;
    std::deque<Actor> all_;
};

} // namespace

TEST_CASE("arguments are read as they stand, of hundreds at once; of who is gone nothing is known") {
    Reading reading;
    const auto gone = ::fork();
    if (gone == 0) ::_exit(0);
    ::waitpid(gone, nullptr, 0);
    std::vector<ArgsReader::Asked> asked(300, ourselves());
    asked.push_back(process(static_cast<std::uint32_t>(gone)));

    auto texts = reading.read(asked);

    CHECK(texts.back() == "?");
    texts.pop_back();
    CHECK(texts == std::vector(300, ours()));
    CHECK(reading.reader.cost() > Duration::zero());
    CHECK(reading.read({}).empty());
    CHECK(reading.log.empty());
}

TEST_CASE("who keeps the reader waiting is told once and left alone for a while, and those beside him are read") {
    NEEDS_FUSE();
    Reading reading;
    reading.reader.compared(true);
    Holders holders(1);
    const auto holder = process(holders.pid(0), another);

    const auto began = monotonic_now();
    CHECK(reading.read({ourselves(), holder, ourselves()}) == std::vector<std::string>{ours(), "?", ours()});

    REQUIRE(reading.log.size() == 1);
    CHECK(reading.log[0].starts_with(
        fmt::format("the arguments of pid {} ({}) can't be read", holder.id.pid, holder.comm)));
    const auto successor = reading.reader.pid();
    CHECK(reading.read({holder}) == std::vector<std::string>{"?"});
    if (monotonic_now() - began < 1s) CHECK(reading.reader.pid() == successor);

    // He is asked about again, and again in vain, without a word; and when he lets go, his are read.
    while (reading.reader.pid() == successor) {
        CHECK(reading.read({holder, ourselves()}) == std::vector<std::string>{"?", ours()});
        ::usleep(10'000);
    }
    holders.release();
    while (reading.read({holder}) == std::vector<std::string>{"?"})
        ::usleep(10'000);
    CHECK(reading.read({holder})[0].find("memory") != std::string::npos);
    CHECK(reading.log.size() == 1);
}

TEST_CASE("whoever has many such processes uses up his own share of the waiting, not that of others") {
    NEEDS_FUSE();
    Reading reading;
    reading.reader.compared(true);
    constexpr std::size_t many = 5;
    Holders holders(many);
    std::vector<ArgsReader::Asked> asked;
    for (std::size_t i = 0; i < many; ++i)
        asked.push_back(process(holders.pid(i), another));
    asked.push_back(ourselves(another));
    asked.push_back(ourselves());

    const auto began = monotonic_now();
    const auto texts = reading.read(asked);

    // The third is not asked about any more, and none of his user's behind it, until a second has passed.
    if (monotonic_now() - began < 1s) {
        CHECK(reading.log.size() == 2);
        CHECK(texts[many] == "?");
    }
    CHECK(texts[many + 1] == ours());
    holders.release();
}

TEST_CASE("before the first comparison is over nobody is watched yet: there is time for more of them") {
    NEEDS_FUSE();
    Reading reading;
    constexpr std::size_t many = 5;
    Holders holders(many);
    std::vector<ArgsReader::Asked> asked;
    for (std::size_t i = 0; i < many; ++i)
        asked.push_back(process(holders.pid(i)));
    asked.push_back(ourselves());

    CHECK(reading.read(asked).back() == ours());
    CHECK(reading.log.size() == many);

    // Who is not asked about in a whole comparison is gone, and forgotten.
    reading.reader.compared(true);
    CHECK(reading.read({asked[0]}) == std::vector<std::string>{"?"});
    CHECK(reading.log.size() == many);
    reading.reader.compared(true);
    reading.reader.compared(true);
    CHECK(reading.read({asked[0]}) == std::vector<std::string>{"?"});
    CHECK(reading.log.size() == many + 1);
    holders.release();
}

TEST_CASE("a reader that is killed, or stopped, is replaced, and nobody is blamed for it") {
    Reading reading;
    CHECK(reading.read({ourselves()})[0] == ours());
    for (const int signal : {SIGKILL, SIGSTOP}) {
        const auto before = reading.reader.pid();
        reading.send(signal);
        CHECK(reading.read({ourselves(), ourselves()}) == std::vector{ours(), ours()});
        CHECK(reading.reader.pid() != before);
    }
    CHECK(reading.log.empty());
}
