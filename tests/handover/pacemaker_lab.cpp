#include "handover/pacemaker_lab.hpp"

#include <filesystem>

#include <unistd.h>

namespace nezuban::test::pacemaker {

namespace {

const std::string source = NEZUBAN_SOURCE_DIR;

std::vector<std::string> node_command(const std::string& name, const TempDir& dir, const std::string& packages) {
    // A shell in between: it is killed with the test at once, the node sees its input end and can tidy up.
    std::vector<std::string> argv{"/bin/bash",
                                  "-c",
                                  "unshare --mount --net --ipc --uts \"$@\"; exit",
                                  "bash",
                                  source + "/tests/handover/lab/pacemaker-node",
                                  name,
                                  dir / ""};
    if (!packages.empty()) {
        argv.push_back(packages);
        argv.push_back(source + "/scripts/pacemaker/nezuban");
        argv.push_back(nezuban_binary());
    }
    return argv;
}

} // namespace

Node::Node(const std::string& name, const std::string& packages)
    : child_(node_command(name, dir_, packages),
             {.environment = {}, .directory = {}, .own_errors = false, .ends_with_input = true}) {
    const auto line = child_.read_line();
    const std::string ready = "ready ";
    if (!line.starts_with(ready)) throw std::runtime_error(line + "\n" + child_.read_rest());
    pid_ = line.substr(ready.size());
}

Said Node::run(const std::string& line, Deadline deadline) {
    const auto answer = child_.ask(line, deadline);
    return {.exit_code = std::stoi(answer.substr(answer.find('=') + 1)), .text = dir_.read("said")};
}

std::string Node::must(const std::string& line, Deadline deadline) {
    auto said = run(line, deadline);
    if (said.exit_code != 0)
        throw std::runtime_error(line + " ended with " + std::to_string(said.exit_code) + ": " + said.text);
    return said.text;
}

std::string Node::await(const std::string& line, const std::function<bool(const Said&)>& wanted, Deadline deadline) {
    for (;;) {
        auto said = run(line);
        if (wanted(said)) return said.text;
        if (Clock::now() > deadline) throw std::runtime_error("it did not become so: " + line + ": " + said.text);
        ::usleep(50'000); // nobody tells when a cluster has done what it does
    }
}

std::string packages(std::string& why) {
    auto folder = (build_dir().parent_path() / "lab" / "pacemaker").string();
    Child child({source + "/tests/handover/lab/pacemaker-get", folder});
    const auto said = child.read_rest(after(std::chrono::minutes{3}));
    if (child.wait().exit_code == 0) return folder;
    why = "the packages of Pacemaker can't be had: " + said;
    return {};
}

std::string scanner(const std::string& comm, const std::string& broken, const std::string& keys) {
    return "[[process]]\nname = \"scanner\"\nmatch.comm = \"" + comm
           + "\"\nrestart.command = [\"/bin/sh\", \"-c\", \"test ! -e " + broken + " && exec " + program("nzidle")
           + " --detach --stay --life 300 --name " + comm
           + "\"]\nrestart.attempts = 2\nrestart.delay = \"10ms\"\nrestart.settle = \"50ms\"\n" + keys + "\n";
}

std::string fresh_name() {
    static int number = 0;
    return "nzp" + std::to_string(::getpid()) + "-" + std::to_string(number++);
}

std::string kill_all(const std::string& comm) {
    return "kill -KILL $(grep -lFx " + comm + " /proc/[0-9]*/comm | cut -d/ -f3)";
}

std::function<bool(const Said&)> says(const std::string& text) {
    return [text](const Said& said) { return said.text.find(text) != std::string::npos; };
}

} // namespace nezuban::test::pacemaker
