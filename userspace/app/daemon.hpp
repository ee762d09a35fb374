// The watcher: one thread, one loop, from the kernel's events to what is done about them.
//
//   observer -> engine -> intents: at once, but signals by the slice, so that no storm of them delays observation
#pragma once

#include "act/commands.hpp"
#include "app/health_page.hpp"
#include "app/latency.hpp"
#include "app/moderation.hpp"
#include "app/observer.hpp"
#include "app/prober.hpp"
#include "app/reloads.hpp"
#include "app/store.hpp"
#include "app/wait_observer.hpp"
#include "app/watchdog.hpp"
#include "control/daemon_view.hpp"
#include "control/protocol.hpp"
#include "control/server.hpp"
#include "core/intent.hpp"
#include "core/spec.hpp"
#include "engine/engine.hpp"
#include "io/loop.hpp"
#include "io/notify_socket.hpp"
#include "io/service_manager.hpp"
#include "io/signals.hpp"
#include "io/spawner.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nezuban {

class Daemon {
public:
    // What it is made of, all of it working. The loop outlives everything that is watched by it.
    struct Parts {
        std::string config_path;
        Spec spec;
        Loop& loop;
        Spawner& spawner;
        Features features;
        SignalFd& signals;
        Store& store;
        Observer observer;
        Engine engine;
    };

    explicit Daemon(Parts parts);
    Daemon(const Daemon&) = delete; // callbacks point to it
    Daemon& operator=(const Daemon&) = delete;
    Daemon(Daemon&&) = delete;
    Daemon& operator=(Daemon&&) = delete;
    ~Daemon();

    // Until it is told to stop; returns the exit code.
    Result<int> run();

private:
    // daemon.cpp
    Result<void> open();
    Result<void> turn();
    void observe();
    void moderate();
    void catch_up();
    void read_backlog();
    // Nothing tells of life and death but comparisons.
    [[nodiscard]] bool polls() const {
        return parts_.observer.descriptor() < 0;
    }
    [[nodiscard]] bool may_look_up() const;
    void take_ended_children();
    void advance_engine();
    [[nodiscard]] Time next_deadline() const;
    void on_signals();
    void on_timers(Time now);
    void tend_notify_socket();
    void prepare_prober();
    [[nodiscard]] Time next_scan() const;
    void scan();
    void handle(const Event& event, Time time);
    void finish();
    void ready();
    [[nodiscard]] std::string summary(Time now) const;
    [[nodiscard]] std::vector<std::string> missing() const;

    // daemon_health.cpp
    Result<void> open_health_page();
    void watch_ourselves();
    void canary_came_back();
    void publish_health();
    void say_last_words();
    [[nodiscard]] std::string why_blind() const;

    // daemon_act.cpp
    void carry_out(Intents intents);
    void act(RunCommand& command);
    void act(const EndCommand& end);
    void act(const AdoptCommand& adopt);
    void act(const Probe& probe);
    void act(const Signal& signal);
    void act(const Report& report);
    void act(const Remember& remember);
    void act(const Resync& resync);
    void act(const WatchStalls& watch);
    void act(const FollowThread& follow);
    void act(const CountSyscalls& count);
    void act(const Quit& quit);
    void send_signals();
    void tell_want(int error);

    // daemon_control.cpp
    Response answer(const Request& request);
    Response reload(const Result<Sources>& sources);
    Response apply(Spec spec);
    void forget_stalls();
    Response each_name(const Request& request);
    [[nodiscard]] DaemonView view(Time now) const;

    Parts parts_;
    Commands commands_;
    std::unique_ptr<Server> server_;
    WaitObserver waits_;
    Prober prober_;
    Reloads reloads_;
    std::optional<NotifySocket> notify_;
    Time scan_at_{};                              // the next regular wait scan
    Time sockets_at_{};                           // the first of them that looks at the sockets too
    Time scanned_{};                              // the last one began
    bool scanning_ = false;                       // it has more to do at once
    std::optional<std::pair<Time, Time>> paused_; // we did not run, since the last scan
    std::deque<Signal> signals_;                  // to be sent
    std::optional<Time> want_told_;               // that there was none of what sending takes
    Moderation moderation_;
    std::optional<Time> look_at_; // no record wakes us before
    Look look_;                   // what was found since the last time that it was asked whether one may
    Latency latency_;
    Time started_;
    Time turned_;       // the last turn of the loop
    Time now_;          // never goes back, whatever the stamps of two processors say
    Time compare_at_{}; // the next regular comparison with the kernel's list
    Time look_up_at_{}; // when polling: the next one for a deadline, or the end of a command
    bool child_ended_ = false;
    std::optional<HealthPage> health_;
    ServiceManager manager_;
    Watchdog watchdog_;
    std::string quit_why_; // an escalation's
    Time status_at_{};
    bool ready_told_ = true;
    bool seen_ = false; // the first snapshot is complete
    bool busy_ = true;  // the observer has more at once
    std::vector<std::uint32_t> own_pids_;
    std::string blind_; // why the kernel can't be observed just now
    std::optional<int> exit_code_;
};

} // namespace nezuban
