// Two nodes on one machine: each a keepalived in a network of its own, joined by a virtual cable, with a nezuban daemon
// outside. All of it hangs on two processes: with them go the networks, the cable and everything that runs there.
#pragma once

#include "node.hpp"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace nezuban::test::node {

inline const std::string shared_address = "192.0.2.100"; // as in scripts/keepalived/keepalived.conf

struct Keepalived {
    std::vector<std::string> command; // empty: there is none to be had
    std::string why_none;
};

inline Keepalived find_keepalived() {
    const auto folder = build_dir().parent_path() / "lab" / "keepalived";
    const auto answer = run({source("tests/handover/keepalived-fetch"), folder}, {}, after(std::chrono::seconds{150}));
    if (answer.exit_code != 0) return {.command = {}, .why_none = "no keepalived: " + answer.errors};
    Keepalived found;
    std::string word;
    for (std::istringstream line(answer.out); line >> word;)
        found.command.push_back(word);
    return found;
}

// Empty when networks of one's own can be made.
inline std::string why_no_networks() {
    if (run({"unshare", "--net", "--mount", "--pid", "--fork", "true"}).exit_code != 0)
        return "no network namespaces may be made (unshare --net)";
    if (run({"unshare", "--net", "ip", "link", "add", "lan", "type", "veth", "peer", "name", "far"}).exit_code != 0)
        return "no virtual cables (ip link add type veth)";
    return {};
}

// A network with nothing in it, an empty /run, and a shell that waits for what to do. Its processes have numbers of
// their own so that they end with it, but see /proc as it is outside: there the daemon is, and health looks whether it
// lives.
class Network {
public:
    Network()
        : holder_(
              {"unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c",
               "mount -t tmpfs none /run && ip link set lo up && echo up && read -r command && eval \"$command\""}) {
        if (holder_.read_line() != "up") throw std::runtime_error("a network does not come up");
    }
    void run(const std::string& command) {
        holder_.send(command);
    }
    // Of a command in this network, and in the mounts of the test.
    [[nodiscard]] std::string ip(const std::string& arguments) const {
        std::vector<std::string> argv{"nsenter", "--net=" + path(), "ip"};
        std::string word;
        for (std::istringstream words(arguments); words >> word;)
            argv.push_back(word);
        return must(argv);
    }
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(holder_.pid()) + "/ns/net";
    }
    void join(const Network& other, const std::string& own_address, const std::string& its_address) const {
        (void)ip("link add eth0 type veth peer name eth0 netns " + std::to_string(other.holder_.pid()));
        for (const auto& [network, address] : {std::pair{this, own_address}, std::pair{&other, its_address}}) {
            (void)network->ip("addr add " + address + " dev eth0");
            (void)network->ip("link set eth0 up");
        }
    }
    [[nodiscard]] bool has(const std::string& address) const {
        return contains(ip("-o addr show"), " " + address + "/");
    }

private:
    Child holder_;
};

// A service that nezuban keeps alive, and a keepalived that asks nezuban.
class Node {
public:
    // keys: of the rule.
    Node(const TempDir& dir, std::string name, int priority, const std::string& keys)
        : name_(std::move(name)), states_(dir.file(name_ + ".states")), checks_(dir.file(name_ + ".checks")),
          verbs_(dir.file(name_ + ".verbs")), daemon_(rule(name_, keys)) {
        // What the script answered, and which verbs the notify script used, in the order of their happening.
        const auto check = dir.write(name_ + ".check",
                                     "NEZUBAN='" + nezuban_binary() + "' '" + source("scripts/keepalived/nezuban-check")
                                         + "' --socket '" + daemon_.socket() + "' " + name_ + "\ncode=$?\necho $code >'"
                                         + checks_.path() + "'\nexit $code\n");
        const auto verb = dir.write(name_ + ".verb", "'" + nezuban_binary() + "' --socket '" + daemon_.socket()
                                                         + "' \"$@\"\ncode=$?\necho \"$* $code\" >'" + verbs_.path()
                                                         + "'\nexit $code\n");
        const auto notify = dir.write(
            name_ + ".notify", "export NEZUBAN='/bin/sh " + verb + "'\n'" + source("scripts/keepalived/nezuban-notify")
                                   + "' reset " + name_ + " \"$@\"\necho \"$3\" >'" + states_.path() + "'\n");
        const std::string libexec = "/usr/local/libexec/nezuban/";
        auto text = sample();
        replace(text, libexec + "nezuban-check scanner", "/bin/sh " + check);
        replace(text, libexec + "nezuban-notify reset scanner", "/bin/sh " + notify);
        replace(text, "router_id node-a", "router_id " + name_);
        replace(text, "priority 100", "priority " + std::to_string(priority));
        replace(text, "interval 2", "interval 1");
        replace(text, "fall 3", "fall 2");
        config_ = dir.write(name_ + ".conf", text);
        log_ = dir.file(name_ + ".log");
    }

    // As it is given to users.
    static std::string sample() {
        std::ifstream in(source("scripts/keepalived/keepalived.conf"));
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

    void start_keepalived(const std::vector<std::string>& keepalived) {
        std::string command;
        for (const auto& word : keepalived)
            command += "'" + word + "' ";
        network_.run(command + "-n -l -D -P -G -f '" + config_ + "' -p /run/pid -r /run/vrrp >'" + log_ + "' 2>&1");
    }

    // What keepalived itself says to the sample.
    [[nodiscard]] Answer judged_by(std::vector<std::string> keepalived) const {
        for (const auto& word : {std::string("-t"), std::string("-f"), config_})
            keepalived.push_back(word);
        keepalived.insert(keepalived.begin(), {"nsenter", "--net=" + network_.path()});
        return run(keepalived);
    }

    // The next state that keepalived tells of.
    std::string next_state(Deadline deadline = after()) {
        try {
            return states_.next(deadline);
        } catch (const std::runtime_error& error) {
            std::ifstream in(log_);
            throw std::runtime_error(std::string(error.what()) + "; keepalived's log:\n"
                                     + std::string(std::istreambuf_iterator<char>(in), {}));
        }
    }
    // Returns when keepalived has asked so many times from now on, and was told so each time.
    bool checks_say(const std::string& code, int times) {
        checks_.send("from now on");
        checks_.await("from now on");
        for (int time = 0; time < times; ++time)
            if (checks_.next() != code) return false;
        return true;
    }
    // True: it told of no further state until now.
    bool stayed() {
        states_.send("nothing until now");
        return states_.next() == "nothing until now";
    }

    [[nodiscard]] const std::string& name() const {
        return name_;
    }
    [[nodiscard]] Daemon& daemon() {
        return daemon_;
    }
    [[nodiscard]] Network& network() {
        return network_;
    }
    [[nodiscard]] Mailbox& checks() {
        return checks_;
    }
    [[nodiscard]] Mailbox& verbs() {
        return verbs_;
    }
    // The addresses are set before, or right after, a state is told: asked until it is so.
    [[nodiscard]] bool has_address(bool wanted) const {
        for (const auto deadline = after();;)
            if (network_.has(shared_address) == wanted || Clock::now() > deadline) return network_.has(shared_address);
    }

private:
    static void replace(std::string& text, const std::string& what, const std::string& with) {
        const auto at = text.find(what);
        if (at == std::string::npos) throw std::runtime_error("the sample has no '" + what + "' any more");
        text.replace(at, what.size(), with);
    }

    std::string name_;
    Mailbox states_;
    Mailbox checks_;
    Mailbox verbs_;
    Daemon daemon_;
    Network network_;
    std::string config_;
    std::string log_;
};

} // namespace nezuban::test::node
