// Nodes on one machine: each with an instance of the scripts, a nezuban of its own, and a service that the cluster
// owns.
#pragma once

#include "handover/clusterpro_cluster.hpp"
#include "support/daemon.hpp"
#include "support/leash.hpp"

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace nezuban::test::clusterpro {

enum class Shape { systemd, foreground };

struct Rule {
    bool mends = true; // its restart command starts the service; else it fails
    int attempts = 2;
    std::string more = {};
};

class Machine {
public:
    Machine(std::string name, Shape shape, const Rule& rule = {});
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    Machine(Machine&&) = delete;
    Machine& operator=(Machine&&) = delete;

    // As systemd does at boot: the daemon, then standby.sh.
    void boot();
    // The power is gone, and with it the daemon, the service, and all that is known since boot only.
    void lose_power();

    // For the cluster, to which the service belongs as well.
    [[nodiscard]] Node node();
    // A script of this node, by hand.
    [[nodiscard]] ScriptResult run(const std::string& script, const Environment& more = {},
                                   const std::vector<std::string>& arguments = {},
                                   std::chrono::milliseconds limit = std::chrono::seconds{60}) const;
    // Another setting, behind the ones that are there.
    void set(const std::string& line) const;

    void start_service() const;
    void stop_service() const;
    // What somebody else would do.
    void kill_service() const {
        stop_service();
    }
    [[nodiscard]] bool service_runs() const;
    // What nezuban's restart command did.
    [[nodiscard]] std::size_t starts_by_nezuban() const;
    void await_start_by_nezuban() const;

    // The rule "shop", as nezuban sees it.
    [[nodiscard]] nlohmann::json rule() const;
    nlohmann::json await_rule(const std::function<bool(const nlohmann::json&)>& wanted) const;
    nlohmann::json await_rule(const std::string& state) const;

    [[nodiscard]] Daemon& daemon() {
        return daemon_;
    }
    [[nodiscard]] const TempDir& dir() const {
        return dir_;
    }
    [[nodiscard]] std::string run_folder() const {
        return dir_.file("run/failover1");
    }
    // What clplogcmd was told, a line each.
    [[nodiscard]] std::string alerts() const {
        return dir_.read("alerts");
    }
    void await_alert(const std::string& text) const;

private:
    [[nodiscard]] std::string configuration(const Rule& rule) const;
    [[nodiscard]] Environment environment() const;

    std::string name_;
    TempDir dir_;
    std::string service_;
    Leash leash_;
    Daemon daemon_;
};

} // namespace nezuban::test::clusterpro
