// Who a process is changes: fork, exec, rename, setuid, cgroup. It is judged by what it is, not by what it was.
#include "story.hpp"

using namespace nezuban;
using namespace nezuban::test;

namespace {

RuleSpec single() {
    auto spec = rule("scanner", "scand");
    spec.count.max = 1;
    spec.count.over = Over::stop_newest;
    return spec;
}

struct Single : Story {
    Single() : Story({single()}) {
        scanner = present("scand");
        snapshot();
    }
    Identity scanner;
};

} // namespace

TEST_CASE("a vfork child is nobody's copy until its exec") {
    Single story;
    const auto child = story.fork(story.scanner, true);
    CHECK(story.count("scanner") == 1);
    story.wait(1min);
    CHECK(story.told(Happening::over).empty());
    SUBCASE("somebody else") {
        story.exec(child, "sh");
        CHECK(story.count("scanner") == 1);
    }
    SUBCASE("the same again") {
        story.exec(child, "scand");
        CHECK(story.count("scanner") == 2);
        CHECK(story.told(Happening::over).size() == 1);
    }
    SUBCASE("it only exits") {
        story.exit(child, 127);
        CHECK(story.count("scanner") == 1);
        CHECK(story.told(Happening::exit).empty());
    }
    SUBCASE("it changes its name before") {
        story.rename(child, "scand");
        CHECK(story.count("scanner") == 1);
    }
    SUBCASE("a snapshot comes between") {
        story.snapshot();
        CHECK(story.count("scanner") == 1);
        story.exec(child, "sh");
        CHECK(story.count("scanner") == 1);
    }
}

TEST_CASE("a fork that execs something else soon is no second instance") {
    Single story;
    const auto child = story.fork(story.scanner);
    CHECK(story.count("scanner") == 2);
    story.wait(19ms);
    story.exec(child, "sh");
    CHECK(story.count("scanner") == 1);
    story.wait(1min);
    CHECK(story.wanted.empty());
}

TEST_CASE("nor are several at once: a pipeline") {
    Single story;
    std::vector<Identity> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(story.fork(story.scanner));
    }
    story.wait(10ms);
    for (const auto& child : children) {
        story.exec(child, "sh");
    }
    story.wait(1min);
    CHECK(story.wanted.empty());
}

TEST_CASE("a fork that stays what it is becomes a second instance after a moment") {
    Single story;
    const auto child = story.fork(story.scanner);
    story.wait(20ms - 1ns);
    CHECK(story.wanted.empty());
    story.wait(1ns);
    CHECK(story.told(Happening::over).size() == 1);
    CHECK(story.signalled(9) == std::vector{child.pid});
}

TEST_CASE("a process that a later snapshot finds may be about to exec as well") {
    Single story;
    story.deaf = true; // its fork is still on the way
    const auto child = story.fork(story.scanner);
    story.deaf = false;
    story.snapshot();
    CHECK(story.count("scanner") == 2);
    CHECK(story.wanted.empty());
    story.tell(Forked{.child = story.world[child], .parent = story.scanner});
    story.exec(child, "sh");
    story.wait(1min);
    CHECK(story.wanted.empty());
}

TEST_CASE("an exec away is a loss, an exec into it is a gain") {
    Story story({rule("scanner", "scand")});
    const auto id = story.present("scand");
    story.snapshot();
    story.exec(id, "sh");
    CHECK(story.told(Happening::under)[0].reason == "0 running, at least 1 wanted; pid 100 is now sh of uid 0");
    story.exec(id, "scand");
    story.wait(5s);
    CHECK(story.state("scanner") == RuleState::ok);
}

TEST_CASE("after an exec nothing of the program before is believed, also when the new one could not be read") {
    auto by_exe = rule("scanner", "scand");
    by_exe.match = {.exe = "/opt/bin/scand"};
    auto by_args = rule("queue", "scand");
    by_args.match = {.args = {"--queue"}};
    Story story({by_exe, by_args});
    const auto id = story.born("scand");
    story.exec(id, "scand", "/opt/bin/scand", std::string("scand\0--queue\0", 14));
    story.snapshot();
    REQUIRE(story.state("scanner") == RuleState::ok);
    REQUIRE(story.state("queue") == RuleState::ok);
    const auto child = story.fork(id);
    CHECK(story.count("scanner") == 2);
    CHECK(story.count("queue") == 2);
    story.tell(Execed{.process = {.id = child, .ppid = id.pid, .cgroup_key = 1, .comm = "true"}});
    CHECK(story.count("scanner") == 1);
    CHECK(story.count("queue") == 1);
}

TEST_CASE("a name, an owner, a cgroup that change are followed") {
    auto by_user = rule("user", "");
    by_user.match = {.user = Principal{"mail", 8}};
    auto by_unit = rule("unit", "");
    by_unit.match = {.unit = "mail.service"};
    Story story({rule("name", "scand"), by_user, by_unit});
    story.snapshot();
    const auto id = story.born("sh");
    CHECK(story.count("name") + story.count("user") + story.count("unit") == 0);
    story.rename(id, "scand");
    CHECK(story.count("name") == 1);
    story.setuid(id, 8);
    CHECK(story.count("user") == 1);
    story.move(id, 7, "/system.slice/mail.service");
    CHECK(story.count("unit") == 1);
    const auto child = story.fork(id);
    CHECK(story.count("name") + story.count("user") + story.count("unit") == 6);
    story.setuid(child, 0);
    story.move(child, 1, "/");
    story.rename(child, "sh");
    CHECK(story.count("name") + story.count("user") + story.count("unit") == 3);
}

TEST_CASE("a cgroup that changed without having been read is not taken for the one before") {
    auto spec = rule("unit", "");
    spec.match = {.unit = "mail.service"};
    Story story({spec});
    const auto id = story.present("scand");
    story.world[id].cgroups = text("/mail.service");
    story.snapshot();
    CHECK(story.count("unit") == 1);
    auto moved = story.world[id];
    moved.cgroup_key = 9;
    moved.exe = moved.args = moved.cgroups = nullptr;
    CHECK(story.engine.needs_of(Changed{.process = moved}) == Needs{.cgroups = true});
    story.tell(Changed{.process = moved});
    CHECK(story.count("unit") == 0);
}

TEST_CASE("a change of somebody unknown brings nobody in: an emptied cgroup moves the dead as well") {
    Story story({rule("scanner", "scand")});
    const auto id = story.present("scand");
    story.snapshot();
    const auto dead = story.world[id];
    story.exit(id);
    story.tell(Changed{.process = dead});
    CHECK(story.count("scanner") == 0);
}

TEST_CASE("one process can belong to several rules, and its end is told to each") {
    auto by_exe = rule("program", "");
    by_exe.match = {.exe = "/usr/bin/scand"};
    Story story({rule("name", "scand"), by_exe});
    const auto id = story.present("scand");
    story.snapshot();
    story.exit(id, 5);
    CHECK(story.told(Happening::under).size() == 2);
    CHECK(story.told(Happening::exit).size() == 2);
}
