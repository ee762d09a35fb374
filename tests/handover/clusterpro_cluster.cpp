#include "handover/clusterpro_cluster.hpp"

namespace nezuban::test::clusterpro {

namespace {

std::vector<std::string> logged(const std::string& log, const std::vector<std::string>& argv) {
    std::vector<std::string> words{"/bin/sh", "-c", "exec \"$@\" >>'" + log + "' 2>&1", "sh"};
    words.insert(words.end(), argv.begin(), argv.end());
    return words;
}

} // namespace

ScriptResult run_script(const std::vector<std::string>& argv, const Environment& environment,
                        std::chrono::milliseconds limit) {
    const TempDir dir;
    ScriptResult result;
    {
        Child child(logged(dir.file("log"), argv), {.environment = environment, .directory = {}});
        child.close_input();
        if (wait_readable(child.pidfd(), after(limit))) {
            const auto ending = child.wait();
            result.exit_code = ending.signal != 0 ? 128 + ending.signal : ending.exit_code;
        } else {
            result.timed_out = true; // and killed at the end of the block
        }
    }
    result.output = dir.read("log");
    return result;
}

Cluster::Cluster(std::vector<Node> nodes, Settings settings)
    : nodes_(std::move(nodes)), settings_(std::move(settings)) {}

Environment Cluster::environment(const Node& node) const {
    Environment all = node.environment;
    all.insert(all.end(), {{"CLP_SERVER", &node == nodes_.data() ? "HOME" : "OTHER"},
                           {"CLP_DISK", node.disk ? "SUCCESS" : "FAILURE"},
                           {"CLP_PRIORITY", std::to_string(&node - nodes_.data() + 1)},
                           {"CLP_GROUPNAME", "failover1"},
                           {"CLP_RESOURCENAME", "exec-nezuban"},
                           {"CLP_VERSION_FULL", "5.2.0-1"},
                           {"CLP_VERSION_MAJOR", "5"},
                           {"CLP_PATH", "/opt/nec/clusterpro"}});
    return all;
}

const ScriptResult& Cluster::run(const Node& node, const std::string& script, Environment more) {
    auto all = environment(node);
    all.insert(all.end(), more.begin(), more.end());
    const bool monitors = script == "genw.sh";
    last_ = run_script({node.scripts + "/" + script}, all, monitors ? settings_.monitor_limit : settings_.script_limit);
    return last_;
}

bool Cluster::run_start(Node& node, const std::string& event) {
    if (settings_.synchronous) {
        const auto& result = run(node, "start.sh", {{"CLP_EVENT", event}});
        journal_.push_back(node.name + " start.sh " + event + " "
                           + (result.timed_out ? "time-out" : std::to_string(result.exit_code)));
        return !result.timed_out && result.exit_code == 0;
    }
    auto all = environment(node);
    all.emplace_back("CLP_EVENT", event);
    started_.emplace(logged(dir_.file("async"), {node.scripts + "/start.sh"}),
                     ChildOptions{.environment = all, .directory = {}});
    started_->close_input();
    journal_.push_back(node.name + " start.sh " + event + " begun");
    return true;
}

void Cluster::activate(std::size_t at, const std::string& event) {
    auto& node = nodes_[at];
    active_ = at;
    event_ = event;
    node.start_service();
    if (run_start(node, event)) return;
    fail_over("GROUPFAILOVER");
}

void Cluster::deactivate(const std::string& factor) {
    if (!active_) return;
    auto& node = nodes_[*active_];
    const auto& result =
        run(node, "stop.sh", {{"CLP_EVENT", event_}, {"CLP_FACTOR", factor}, {"CLP_LASTACTION", "NONE"}});
    const bool good = !result.timed_out && result.exit_code == 0;
    journal_.push_back(node.name + " stop.sh " + factor + " "
                       + (result.timed_out ? "time-out" : std::to_string(result.exit_code)));
    started_.reset();
    node.stop_service();
    if (!good) {
        journal_.push_back(node.name + " shutdown");
        down_.insert(*active_);
    }
    active_.reset();
    if (!good && factor != "GROUPFAILOVER") fail_over("GROUPFAILOVER");
}

void Cluster::fail_over(const std::string& factor) {
    const std::size_t from = active_ ? *active_ : *down_.rbegin();
    if (failed_over_ >= settings_.failovers) {
        journal_.push_back(nodes_[from].name + " final action: none");
        return;
    }
    ++failed_over_;
    deactivate(factor);
    for (std::size_t step = 1; step < nodes_.size(); ++step) {
        const auto to = (from + step) % nodes_.size();
        if (down_.contains(to)) continue;
        activate(to, "FAILOVER");
        return;
    }
    journal_.emplace_back("no node is left");
}

void Cluster::move_group() {
    const auto to = (active_.value() + 1) % nodes_.size();
    deactivate("GROUPMOVE");
    if (!active_) activate(to, "START");
}

void Cluster::before(const std::string& action) {
    const auto& node = nodes_[active_.value()];
    const auto& result = run(node, "preaction.sh",
                             {{"CLP_ACTION", action},
                              {"CLP_MONITORNAME", "genw-nezuban"},
                              {"CLP_RECOVERYCOUNT", "0"},
                              {"CLP_RESTARTCOUNT", std::to_string(reactivated_)},
                              {"CLP_FAILOVERCOUNT", std::to_string(failed_over_)}});
    journal_.push_back(node.name + " preaction.sh " + action + " "
                       + (result.timed_out ? "time-out" : std::to_string(result.exit_code)));
}

void Cluster::recover() {
    errors_in_a_row_ = 0;
    if (reactivated_ < settings_.reactivations) {
        ++reactivated_;
        before("RESTART");
        const auto at = active_.value();
        deactivate("GROUPRESTART");
        if (!active_) activate(at, "START");
        return;
    }
    before(failed_over_ < settings_.failovers ? "FAILOVER" : "FINALACTION");
    fail_over("GROUPFAILOVER");
}

Verdict Cluster::monitor_once() {
    const auto& result = run(nodes_[active_.value()], "genw.sh", {{"CLP_MONITORNAME", "genw-nezuban"}});
    if (result.timed_out) {
        if (settings_.recover_from_time_out) recover();
        return Verdict::timed_out;
    }
    if (settings_.normal.contains(result.exit_code)) {
        errors_in_a_row_ = reactivated_ = failed_over_ = 0;
        return Verdict::normal;
    }
    if (++errors_in_a_row_ > settings_.retries) {
        journal_.push_back(nodes_[active_.value()].name + " genw.sh " + std::to_string(result.exit_code));
        recover();
    }
    return Verdict::error;
}

Verdict Cluster::monitor_pid(Deadline deadline) {
    if (!wait_readable(started_.value().pidfd(), deadline)) return Verdict::normal;
    ending_ = started_->wait();
    journal_.push_back(nodes_[active_.value()].name + " pid monitor: gone");
    recover();
    return Verdict::error;
}

} // namespace nezuban::test::clusterpro
