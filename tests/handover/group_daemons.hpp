// A web stack of real services as one group:
//
//   nginx -> app -> postgres, redis      worker -> postgres, redis
//
// They run in namespaces of the test's own, with a folder of their own, and end with it at the latest; their steps are
// those of lab/daemons-step. Only their network is the test's, too: the daemon has to reach them.
#pragma once

#include "handover/node.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

namespace nezuban::test::daemons {

using Json = nlohmann::json;
using Names = std::set<std::string>;

inline const std::vector<std::string> services{"postgres", "redis", "app", "worker", "nginx"};
inline const std::string group = "web-stack";

// Why the services can't be had here; empty when they can.
std::string why_none();

// A network of this thread's and of all that it starts from now on, with nothing in it but the loopback device.
class OwnNetwork {
public:
    OwnNetwork();
    ~OwnNetwork();
    OwnNetwork(const OwnNetwork&) = delete;
    OwnNetwork& operator=(const OwnNetwork&) = delete;
    OwnNetwork(OwnNetwork&&) = delete;
    OwnNetwork& operator=(OwnNetwork&&) = delete;

private:
    Fd before_;
};

struct StackOptions {
    bool mortal = false;   // the app and the worker die when they lose PostgreSQL or Redis
    std::string keys = {}; // more lines for [defaults]
    std::string more = {}; // ... and behind the rules
};

class Stack {
public:
    explicit Stack(const StackOptions& options = {});

    // The daemon finds nothing, starts everything, and forgets what that cost. Until everything answers.
    void come_up();

    [[nodiscard]] Daemon& daemon() {
        return daemon_;
    }
    [[nodiscard]] Events& events() {
        return *events_;
    }
    [[nodiscard]] const TempDir& dir() const {
        return dir_;
    }

    // Nothing is started from now on until the lock is given back.
    [[nodiscard]] Fd hold() const;
    void kill(const std::string& service, int signal) const;

    // Returns the event that says so; throws when the whole group isn't well in time.
    Json await_whole();
    // The events that were read since the last call.
    std::vector<Json> news();

    // What was started and stopped since the last call, in order: "start app".
    std::vector<std::string> steps();
    [[nodiscard]] Json rule(const std::string& service) const;
    [[nodiscard]] Json group_status() const;
    // The identities of the processes, as their numbers at this moment.
    [[nodiscard]] std::map<std::string, std::set<pid_t>> pids() const;
    // A step of lab/daemons-step in the namespaces of the stack: its output. Throws when it fails.
    [[nodiscard]] std::string step(const std::string& verb, const std::string& service) const;
    // One real request to each; throws with what is wrong.
    void serve() const;
    // All that was written down, for messages.
    [[nodiscard]] std::string logs() const;

private:
    [[nodiscard]] std::vector<std::string> step_command(const std::string& verb, const std::string& service) const;
    [[nodiscard]] std::string configuration(const StackOptions& options) const;

    OwnNetwork network_;
    TempDir dir_;
    Child namespaces_;
    Daemon daemon_;
    std::unique_ptr<Events> events_;
    std::size_t steps_read_ = 0;
    std::size_t events_read_ = 0;
};

} // namespace nezuban::test::daemons
