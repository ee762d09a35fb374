// A simulator of what the public documentation of CLUSTERPRO X (EXPRESSCLUSTER X) promises to scripts: one failover
// group with a service and an EXEC resource that depends on it, a custom monitor and a pid monitor, on nodes that are
// folders of this machine. Nothing happens by itself: a test says when a monitor's interval is over.
//
// From the reference guide (group resources: EXEC; monitor resources: custom, PID; recovery actions) and the vendor's
// published samples and parameter lists:
//   * Start and stop scripts are synchronous by default, 1,800 s; 0 is good, all else and a time-out is a failure of
//   the
//     activation or deactivation. An asynchronous script is not waited for; the pid monitor takes its end for an error,
//     whatever its exit code.
//   * A failed activation fails over to the next node; a failed deactivation shuts the node down (default final
//   action).
//   * CLP_EVENT is START at a start by hand, at a boot, and at reactivation; FAILOVER on the node taken over to.
//   stop.sh
//     hears the same, and CLP_FACTOR. CLP_DISK is SUCCESS or FAILURE, CLP_SERVER HOME or OTHER.
//   * A custom monitor compares the exit code with its list of normal values (0). So many retries confirm an error;
//   then
//     reactivations, fail-overs, the final action, each up to its own maximum, one at a time. The counters start anew
//     when the monitor is normal again. A time-out is neither retried nor recovered from, by default.
//   * The script before a recovery action hears CLP_ACTION, CLP_MONITORNAME and the counts; its result changes nothing.
#pragma once

#include "support/child.hpp"
#include "support/temp_dir.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nezuban::test::clusterpro {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct ScriptResult {
    int exit_code = 0; // 128 + signal when one ended it
    bool timed_out = false;
    std::string output;
};

// Runs it as the cluster does: bounded in time, its output in a log.
ScriptResult run_script(const std::vector<std::string>& argv, const Environment& environment,
                        std::chrono::milliseconds limit);

struct Settings {
    bool synchronous = true; // start.sh
    std::chrono::milliseconds script_limit{60'000};
    std::chrono::milliseconds monitor_limit{20'000};
    std::set<int> normal{0};
    int retries = 0;
    int reactivations = 0;
    int failovers = 1;
    bool recover_from_time_out = false;
};

// What the cluster does with a node goes through here, and so does the service that it owns beside the EXEC resource.
struct Node {
    std::string name;
    std::string scripts; // folder of start.sh, stop.sh, genw.sh, preaction.sh
    Environment environment;
    std::function<void()> start_service;
    std::function<void()> stop_service;
    bool disk = true;
};

enum class Verdict { normal, error, timed_out };

class Cluster {
public:
    Cluster(std::vector<Node> nodes, Settings settings);

    void start_group() {
        activate(0, "START");
    }
    void stop_group() {
        deactivate("GROUPSTOP");
    }
    // By hand, to the other node.
    void move_group();

    // One interval of the custom monitor, with the recovery that follows from it.
    Verdict monitor_once();
    // One interval of the pid monitor: waits for the end of the asynchronous start script until then.
    Verdict monitor_pid(Deadline deadline = after());

    // Empty when the group is stopped.
    [[nodiscard]] std::string active() const {
        return active_ ? nodes_[*active_].name : "";
    }
    // What the cluster did, without what the scripts said: "node1 start.sh START 0".
    [[nodiscard]] const std::vector<std::string>& journal() const {
        return journal_;
    }
    // Both of the last script's streams.
    [[nodiscard]] const ScriptResult& last() const {
        return last_;
    }
    // Of the asynchronous start script, which may be the daemon by now.
    [[nodiscard]] Child* started() {
        return started_ ? &*started_ : nullptr;
    }
    // Of the asynchronous start script, after the pid monitor missed it.
    [[nodiscard]] Ending ending() const {
        return ending_;
    }
    [[nodiscard]] std::string async_log() const {
        return dir_.read("async");
    }

private:
    void activate(std::size_t node, const std::string& event);
    bool run_start(Node& node, const std::string& event);
    void deactivate(const std::string& factor);
    void recover();
    void fail_over(const std::string& factor);
    void before(const std::string& action);
    [[nodiscard]] Environment environment(const Node& node) const;
    const ScriptResult& run(const Node& node, const std::string& script, Environment more);

    std::vector<Node> nodes_;
    Settings settings_;
    TempDir dir_;
    std::vector<std::string> journal_;
    std::set<std::size_t> down_;
    std::optional<std::size_t> active_;
    std::string event_;
    std::optional<Child> started_;
    Ending ending_;
    ScriptResult last_;
    int errors_in_a_row_ = 0;
    int reactivated_ = 0;
    int failed_over_ = 0;
};

} // namespace nezuban::test::clusterpro
