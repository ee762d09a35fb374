#include "io/alterable.hpp"

#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

constexpr std::uint32_t stranger = 54321; // nobody's number

Step directory(std::uint32_t mode) {
    return {.path = "/a", .mode = S_IFDIR | mode};
}

// A tree of our own below /tmp, which everybody may write, but has its sticky bit.
class Tree {
public:
    std::string file(const std::string& name, ::mode_t mode = 0755) const {
        auto path = dir_.write(name, "#!/bin/sh\n");
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string folder(const std::string& name, ::mode_t mode = 0755) const {
        auto path = dir_.file(name);
        REQUIRE(::mkdir(path.c_str(), 0700) == 0);
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string link(const std::string& name, const std::string& target) const {
        auto path = dir_.file(name);
        REQUIRE(::symlink(target.c_str(), path.c_str()) == 0);
        return path;
    }
    [[nodiscard]] std::string path(const std::string& name) const {
        return dir_.file(name);
    }

private:
    TempDir dir_;
};

Insiders ourselves() {
    return {.owners = {::geteuid()}};
}

// "" when there is none.
std::string weakness(const std::string& path) {
    const auto found = weakness_of(path, ourselves());
    return found ? tell(*found) : "";
}

std::string command_weakness(const std::vector<std::string>& argv) {
    const auto found = weakness_of_command(argv, ourselves());
    return found ? tell(*found) : "";
}

class Path {
public:
    explicit Path(const std::string& value) : before_(std::getenv("PATH")) {
        ::setenv("PATH", value.c_str(), 1);
    }
    ~Path() {
        ::setenv("PATH", before_.c_str(), 1);
    }
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;
    Path(Path&&) = delete;
    Path& operator=(Path&&) = delete;

private:
    std::string before_;
};

} // namespace

TEST_CASE("a component is weak when it belongs to somebody else, or when others may write it") {
    CHECK(weaknesses_of(directory(0755)).empty());
    auto found = weaknesses_of(directory(0757));
    REQUIRE(found.size() == 1);
    CHECK(tell(found[0]) == "/a may be written by everybody (mode 0757)");
    CHECK(mend(found[0]) == "chmod go-w /a");

    auto step = directory(0775);
    step.gid = 50;
    found = weaknesses_of(step);
    REQUIRE(found.size() == 1);
    CHECK(tell(found[0]) == "/a may be written by group 50 (mode 0775)");

    step = directory(0755);
    step.uid = 1000;
    found = weaknesses_of(step);
    REQUIRE(found.size() == 1);
    CHECK(tell(found[0]) == "/a belongs to uid 1000");
    CHECK(mend(found[0]) == "chown root /a");
}

TEST_CASE("root's group is root, but not behind an access control list, where its bits are those of anybody") {
    auto step = directory(0775);
    CHECK(weaknesses_of(step).empty());
    step.acl = true;
    CHECK(weaknesses_of(step).size() == 1);
}

TEST_CASE("the sticky bit makes a directory safe, and nothing else") {
    CHECK(weaknesses_of(directory(01777)).empty());
    CHECK(weaknesses_of({.path = "/a", .mode = S_IFREG | 01777U}).size() == 1);
}

TEST_CASE("a link's mode means nothing; whose it is does") {
    CHECK(weaknesses_of({.path = "/a", .mode = S_IFLNK | 0777U}).empty());
    CHECK(weaknesses_of({.path = "/a", .uid = 1000, .mode = S_IFLNK | 0777U}).size() == 1);
}

TEST_CASE("a file of our own below a directory with a sticky bit can't be altered") {
    const Tree tree;
    CHECK(weakness(tree.file("x")).empty());
    CHECK(weakness("/").empty());
}

TEST_CASE("a file that everybody may write, and one below a directory that others may write, can be altered") {
    const Tree tree;
    const auto open = tree.file("open", 0777);
    CHECK(weakness(open) == open + " may be written by everybody (mode 0777)");
    const auto folder = tree.folder("shared", 0757);
    tree.file("shared/x");
    CHECK(weakness(tree.path("shared/x")) == folder + " may be written by everybody (mode 0757)");
    CHECK(weakness(tree.path("shared/../x")) == folder + " may be written by everybody (mode 0757)");
}

TEST_CASE("the way of a link is walked, and that of what it leads to, and relative ones from where they are") {
    const Tree tree;
    tree.folder("home", 0777);
    tree.folder("etc");
    tree.file("home/x");
    const auto weak = tree.path("home") + " may be written by everybody (mode 0777)";
    CHECK(weakness(tree.link("etc/absolute", tree.path("home/x"))) == weak);
    CHECK(weakness(tree.link("etc/relative", "../home/x")) == weak);
    CHECK(weakness(tree.link("etc/twice", "relative")) == weak);
    tree.link("etc/folder", "../home");
    CHECK(weakness(tree.path("etc/folder/x")) == weak);
    tree.link("home/back", "../etc/y");
    tree.file("etc/y");
    CHECK(weakness(tree.path("home/back")) == weak);
    CHECK(weakness(tree.link("loop", "loop")).empty()); // nobody can open it either
}

TEST_CASE("what belongs to somebody else can be altered, be it file, directory or link") {
    if (::geteuid() != 0) SKIP("needs root to give a file away");
    const Tree tree;
    const auto file = tree.file("x");
    REQUIRE(::chown(file.c_str(), stranger, 0) == 0);
    CHECK(weakness(file) == file + " belongs to uid 54321");
    const auto link = tree.link("link", "/bin/sh");
    REQUIRE(::lchown(link.c_str(), stranger, 0) == 0);
    CHECK(weakness(link) == link + " belongs to uid 54321");
    // Who could replace our own program is no stranger.
    CHECK_FALSE(weakness_of(file, {.owners = {0, stranger}}));
    CHECK_FALSE(weakness_of(tree.file("open", 0777), {.everybody = true}));
    const auto group = tree.file("group", 0775);
    REQUIRE(::chown(group.c_str(), 0, stranger) == 0);
    CHECK(weakness(group) == group + " may be written by group 54321 (mode 0775)");
    CHECK_FALSE(weakness_of(group, {.owners = {0}, .groups = {stranger}}));
}

TEST_CASE("what is missing can't be altered, but where others may create it") {
    const Tree tree;
    CHECK(weakness(tree.path("none")).empty());
    CHECK(weakness(tree.path("none/below")).empty());
    tree.folder("sticky", 01777);
    CHECK(weakness(tree.path("sticky/none")) == tree.path("sticky/none") + " isn't there, and everybody may create it");
    tree.file("sticky/there");
    CHECK(weakness(tree.path("sticky/there")).empty());
}

TEST_CASE("a program is looked for in PATH as it would be executed") {
    const Tree tree;
    tree.folder("first");
    tree.folder("second", 0777);
    tree.file("first/nzprogram", 0644); // not to be executed
    tree.file("second/nzprogram");
    const Path path(tree.path("first") + ":" + tree.path("second"));
    CHECK(find_program("nzprogram") == tree.path("second/nzprogram"));
    CHECK(find_program("nznowhere") == std::nullopt);
    CHECK(find_program("/bin/sh") == "/bin/sh");
    CHECK(command_weakness({"nzprogram"}) == tree.path("second") + " may be written by everybody (mode 0777)");
    CHECK(command_weakness({"nznowhere"}).empty());

    // Where we are, too, and by a path: a bare name would be looked for again.
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(tree.path("second"));
    const Path here(":/usr/bin");
    CHECK(find_program("nzprogram") == "./nzprogram");
    std::filesystem::current_path(before);
}

TEST_CASE("an interpreter's script counts as much as the interpreter, other arguments don't") {
    const Tree tree;
    const auto script = tree.file("x.sh", 0666);
    const auto weak = script + " may be written by everybody (mode 0666)";
    CHECK(command_weakness({"/bin/sh", script}) == weak);
    CHECK(command_weakness({"/bin/sh", "-e", script, "argument"}) == weak);
    CHECK(command_weakness({script}) == weak);
    CHECK(command_weakness({"/bin/cat", script}).empty());
    CHECK(command_weakness({"/bin/sh", "-c", "cat $1", "sh", script}).empty());
}

TEST_CASE("who could replace our own program is an insider, and so are we") {
    const auto known = insiders();
    REQUIRE_FALSE(known.owners.empty());
    CHECK(known.owners.front() == ::geteuid());
    struct stat own{};
    REQUIRE(::stat("/proc/self/exe", &own) == 0);
    CHECK((own.st_uid == 0 || std::ranges::find(known.owners, own.st_uid) != known.owners.end()));
}
