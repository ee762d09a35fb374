// Nodes in namespaces of their own, where our agent and Pacemaker run as if they were installed.
#pragma once

#include "support/child.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <functional>
#include <string>

#include <doctest/doctest.h>

#define NEEDS_NODE()                                                                                                   \
    if (!nezuban::test::can_load_bpf()) SKIP(nezuban::test::why_no_bpf())

namespace nezuban::test::pacemaker {

struct Said {
    int exit_code = 0;
    std::string text; // both streams
};

// With Pacemaker's packages at hand: they, our agent and nezuban are installed, but only for this node's eyes. Without:
// a mount namespace with a /run of its own. Whatever was started in it ends with it, also when the test is killed.
class Node {
public:
    explicit Node(const std::string& name, const std::string& packages = {});

    // A command line of bash; the shell stays the same from one to the next.
    Said run(const std::string& line, Deadline deadline = after());
    // The same, for what must succeed: returns what it said.
    std::string must(const std::string& line, Deadline deadline = after());
    // Runs it again and again until what it says is wanted.
    std::string await(const std::string& line, const std::function<bool(const Said&)>& wanted,
                      Deadline deadline = after());

    [[nodiscard]] const TempDir& dir() const {
        return dir_;
    }
    [[nodiscard]] const std::string& pid() const { // whoever wants to reach its network finds it there
        return pid_;
    }

private:
    TempDir dir_;
    Child child_;
    std::string pid_;
};

// Where they are, unpacked; fetched once. Empty, and why is set, when they can't be had.
std::string packages(std::string& why);

// A rule "scanner" for a service of that process name with one restart, which fails when the file `broken` exists.
// keys: more lines for it.
std::string scanner(const std::string& comm, const std::string& broken, const std::string& keys = {});

// A process name (15 bytes at most) that nobody else has.
std::string fresh_name();

// A command that does so to all processes of a name of ours.
std::string kill_all(const std::string& comm);

std::function<bool(const Said&)> says(const std::string& text);

} // namespace nezuban::test::pacemaker
