// The hand-over to the real thing: ocf-tester, and a cluster of two nodes with corosync and Pacemaker.
#include "handover/pacemaker_lab.hpp"

#include <array>
#include <fstream>
#include <iterator>

#define NEEDS_PACKAGES()                                                                                               \
    NEEDS_NODE();                                                                                                      \
    std::string why;                                                                                                   \
    const auto folder = packages(why);                                                                                 \
    if (folder.empty()) SKIP(why)

namespace nezuban::test::pacemaker {

namespace {

class Cluster {
public:
    // keys: more lines for the rule.
    explicit Cluster(const std::string& packages, const std::string& keys = {})
        : nodes_{Node{"node1", packages}, Node{"node2", packages}} {
        for (int i : {0, 1}) {
            auto& node = at(i);
            node.dir().write("nezuban.toml", scanner(comms_[index(i)], broken(i), keys));
            node.must("cp " + node.dir() / "nezuban.toml /etc/nezuban/");
        }
    }

    void start() {
        one().must("ip link add eth0 type veth peer name eth0 netns " + two().pid());
        for (int i : {0, 1}) {
            const auto address = "10.77.0." + std::to_string(i + 1);
            at(i).must("ip addr add " + address + "/24 dev eth0 && ip link set eth0 up");
            at(i).must("start_corosync 10.77.0.1 10.77.0.2");
        }
        one().await("corosync-quorumtool", says("Total votes:      2"));
        for (int i : {0, 1})
            at(i).must("start_pacemaker");
        one().await("crm_mon -1", says("Online: [ node1 node2 ]"), after(2 * patience));
    }

    // The resource of a file of scripts/pacemaker, asked so often, as the last of a group that prefers node1.
    void create(const std::string& file, const std::string& interval) {
        std::ifstream in(NEZUBAN_SOURCE_DIR "/scripts/pacemaker/" + file);
        std::string xml{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        const std::string usual = "interval=\"10s\"";
        xml.replace(xml.find(usual), usual.size(), "interval=\"" + interval + "\"");
        one().dir().write(file, "<configuration><resources><group id=\"mail\">"
                                "<primitive id=\"address\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>"
                                    + xml
                                    + "</group></resources><constraints><rsc_location id=\"prefer\" rsc=\"mail\" "
                                      "node=\"node1\" score=\"50\"/></constraints></configuration>");
        one().must("cibadmin --modify --allow-create --xml-file " + one().dir() / file);
    }

    // Returns when all of the group runs there.
    void await_on(const std::string& resource, const std::string& node) {
        for (const auto& member : {std::string{"address\t(ocf:pacemaker:Dummy)"}, resource + "\t(ocf:nezuban:nezuban)"})
            one().await("crm_mon -1", says(member + ":\t Started " + node), after(2 * patience));
    }
    long fail_count(const std::string& resource, const std::string& node) {
        const auto said = one().must("crm_failcount -G -r " + resource + " -N " + node);
        return said.find("INFINITY") != std::string::npos ? 1'000'000 : std::stol(said.substr(said.rfind('=') + 1));
    }

    void kill_service(int i) {
        at(i).must(kill_all(comms_[index(i)]));
    }
    void spend_budget(int i) {
        at(i).must("touch " + broken(i));
        kill_service(i);
    }
    void mend(int i) {
        at(i).must("rm " + broken(i));
    }

    Node& at(int i) {
        return nodes_[index(i)];
    }
    Node& one() {
        return at(0);
    }
    Node& two() {
        return at(1);
    }

private:
    static std::size_t index(int i) {
        return static_cast<std::size_t>(i);
    }
    std::string broken(int i) {
        return at(i).dir() / "broken";
    }

    std::array<std::string, 2> comms_{fresh_name(), fresh_name()};
    std::array<Node, 2> nodes_;
};

// As nezuban.service does, with its drop-in: from the instant that the daemon answers.
void run_like_systemd(Node& node) {
    const std::string file = NEZUBAN_SOURCE_DIR "/scripts/pacemaker/nezuban.service.d/pacemaker.conf";
    node.must("setsid nezuban run >/var/log/daemon 2>&1 & daemon=$!");
    node.await("nezuban status", says("scanner"));
    node.must("eval \"$(sed -n 's/^ExecStartPost=//p' " + file + ")\"");
}

} // namespace

TEST_CASE("ocf-tester finds nothing to say against the agent, in both of its shapes") {
    NEEDS_PACKAGES();
    Node node("tester", folder);
    const auto config = node.dir().write("nezuban.toml", scanner(fresh_name(), node.dir() / "broken"));
    node.must("cp " + config + " /etc/nezuban/");
    const std::string agent = " /usr/lib/ocf/resource.d/nezuban/nezuban";

    const auto managed = node.run("ocf-tester -n nezuban" + agent, after(3 * patience));
    CHECK_MESSAGE(managed.exit_code == 0, managed.text);
    CHECK_MESSAGE(managed.text.find("passed all tests") != std::string::npos, managed.text);

    run_like_systemd(node);
    const auto external =
        node.run("ocf-tester -n nezuban -o daemon=external -o names=scanner" + agent, after(3 * patience));
    CHECK_MESSAGE(external.exit_code == 0, external.text);
    CHECK_MESSAGE(external.text.find("passed all tests") != std::string::npos, external.text);
}

TEST_CASE("Pacemaker leaves the daemon where it mends, moves it when its budget is spent, and takes it back when "
          "cleaned up") {
    NEEDS_PACKAGES();
    Cluster cluster(folder);
    cluster.start();
    cluster.create("managed.xml", "1s");
    cluster.await_on("nezuban", "node1");

    cluster.kill_service(0);
    cluster.one().await("nezuban events | grep -c recovered", says("2")); // the first one was the start's
    CHECK(cluster.fail_count("nezuban", "node1") == 0);

    cluster.spend_budget(0);
    cluster.await_on("nezuban", "node2");
    CHECK(cluster.fail_count("nezuban", "node1") == 1);
    const auto seen = cluster.one().must("crm_mon -1 --failcounts");
    CHECK_MESSAGE(seen.find("failed: scanner: 2 restarts within 24.0 h are spent") != std::string::npos, seen);
    CHECK(cluster.one().run("nezuban status").exit_code == 3); // it runs there no more
    CHECK(cluster.two().must("nezuban health --style=ocf").starts_with("ok"));

    cluster.mend(0);
    cluster.one().must("crm_resource --cleanup --resource nezuban --node node1");
    cluster.await_on("nezuban", "node1");
    CHECK(cluster.fail_count("nezuban", "node1") == 0);
    CHECK(cluster.one().must("nezuban health --style=ocf").starts_with("ok"));

    // The watcher itself: killed, it is a failure, too.
    cluster.one().must("kill -KILL $(cut -d' ' -f2 /run/resource-agents/nezuban-nezuban.state)");
    cluster.await_on("nezuban", "node2");
    CHECK(cluster.fail_count("nezuban", "node1") == 1);
}

TEST_CASE("Pacemaker moves the watch as soon as it is told: paused on one node, resumed on the other") {
    NEEDS_PACKAGES();
    Cluster cluster(folder, "escalate.action = \"run\"\nescalate.command = [\"/bin/sh\", \"-c\", \"crm_resource --fail "
                            "--resource nezuban-watch --node $(crm_node --name)\"]\n");
    for (int i : {0, 1}) {
        run_like_systemd(cluster.at(i));
    }
    cluster.start();
    cluster.create("external.xml", "10min");
    cluster.await_on("nezuban-watch", "node1");
    CHECK(cluster.one().must("nezuban status scanner").find("scanner  ok") != std::string::npos);
    CHECK(cluster.two().must("nezuban status scanner").find("scanner  paused") != std::string::npos);

    // A crash of the active one's daemon, which systemd mends before anybody asks again: it goes on watching.
    cluster.one().must("crm_resource --wait --timeout=30", after(2 * patience)); // the first look comes with the start
    cluster.one().must("kill -KILL $daemon; wait $daemon; true");
    run_like_systemd(cluster.one());
    CHECK(cluster.one().must("nezuban status scanner").find("scanner  ok") != std::string::npos);

    cluster.spend_budget(0);
    cluster.await_on("nezuban-watch", "node2"); // long before anybody asks for its health again
    CHECK(cluster.fail_count("nezuban-watch", "node1")
          >= 1); // a failure told from a node that isn't the DC may count twice
    CHECK(cluster.one().must("nezuban status scanner").find("scanner  paused") != std::string::npos);
    CHECK(cluster.two().must("nezuban status scanner").find("scanner  ok") != std::string::npos);

    cluster.mend(0);
    cluster.one().must("crm_resource --cleanup --resource nezuban-watch --node node1");
    cluster.await_on("nezuban-watch", "node1");
    CHECK(cluster.one().must("nezuban status scanner").find("scanner  ok") != std::string::npos);
    CHECK(cluster.two().must("nezuban status scanner").find("scanner  paused") != std::string::npos);
}

} // namespace nezuban::test::pacemaker
