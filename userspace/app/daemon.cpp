#include "app/daemon.hpp"

#include "app/mode.hpp"
#include "app/scan_pace.hpp"
#include "app/sources.hpp"
#include "core/words.hpp"
#include "io/clock.hpp"
#include "io/own_process.hpp"
#include "probe/descriptors.hpp"
#include "report/incident_json.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr Duration between_scans = 50ms;
// ... but thousands that come to hang one after the other, as with a dead disk, are each due at another moment: a
// twentieth of a core at most.
constexpr int due_share = 20;
// Woken so late, at real-time priority, we were not run at all: stopped, or with the whole virtual machine.
constexpr Duration longest_lateness = 5s;
constexpr std::size_t beats_at_once = 256;
constexpr Duration status_every = 10s;
constexpr Duration retry_ready = 1s;
constexpr Duration retry_comparison = 1s;
constexpr Duration for_disks = 500ms; // on the way to a command: who could alter it is asked before each start again

} // namespace

Daemon::Daemon(Parts parts)
    : parts_(std::move(parts)),
      commands_(
          parts_.loop, parts_.spawner, [this](const Event& event) { handle(event, monotonic_now()); },
          [this](const std::string& label, const std::string& line) {
              parts_.store.log(Severity::info, label + ": " + line);
          },
          [](const Incident& incident) { return to_json(incident, clock_pair()); }),
      waits_(parts_.loop, parts_.spawner, parts_.features,
             {.event = [this](const Event& event, Time time) { handle(event, time); },
              .log = [this](const std::string& line) { parts_.store.log(Severity::warning, line); },
              .stopper_of = [this](const Identity& process) { return parts_.observer.stopper_of(process); }}),
      prober_(
          parts_.loop, parts_.spawner,
          [this](const Probed& probed) {
              catch_up(); // who answers was started before
              handle(probed, monotonic_now());
          },
          [this](const std::string& line) { parts_.store.log(Severity::warning, line); }),
      reloads_(parts_.loop, parts_.config_path, guarded_sources(for_disks),
               {.begun = [this] { manager_.tell_reloading(monotonic_now()); },
                .read = [this](const Result<Sources>& sources) { return reload(sources); }}),
      started_(monotonic_now()), turned_(started_), now_(started_), watchdog_(watchdog_interval(), started_) {}

Daemon::~Daemon() = default;

Result<void> Daemon::open() {
    auto server =
        Server::listen(parts_.loop, parts_.spec.daemon.socket, [this](const Request& request, Server::Reply reply) {
            if (request.verb == Request::Verb::reload)
                reloads_.ask(std::move(reply));
            else
                reply(answer(request));
        });
    if (!server) return std::unexpected(server.error());
    server_ = std::move(*server);
    if (auto opened = open_health_page(); !opened) return opened; // after the socket, which proves that it is ours
    if (auto watched = parts_.loop.watch(parts_.signals.fd(), ready::in, [this](std::uint32_t) { on_signals(); });
        !watched)
        return watched;
    if (parts_.observer.descriptor() >= 0) {
        if (auto watched =
                parts_.loop.watch(parts_.observer.descriptor(), ready::in, [this](std::uint32_t) { busy_ = true; });
            !watched)
            return watched;
    }
    commands_.guard(parts_.spec.daemon.script_security == ScriptSecurity::refuse);
    tend_notify_socket();
    prepare_prober();
    for (const auto& line : missing()) {
        parts_.store.log(Severity::warning, line);
    }
    return {};
}

// Anybody may send to it, so it is there for as long only as a rule waits for what is sent.
void Daemon::tend_notify_socket() {
    const bool wanted =
        std::ranges::any_of(parts_.spec.rules, [](const RuleSpec& rule) { return rule.hang.notified(); });
    if (wanted == notify_.has_value()) return;
    if (!wanted) {
        parts_.loop.forget(notify_->descriptor());
        notify_.reset();
        return;
    }
    // Beside the control socket, whose name is nobody else's: /run/nezuban/control.notify.
    const auto path = std::filesystem::path(parts_.spec.daemon.socket).replace_extension("notify").string();
    auto notify = NotifySocket::open(path, [&](int descriptor) {
        if (const auto refused = refuse_descriptors(descriptor, parts_.features); !refused)
            parts_.store.log(Severity::warning,
                             "who sends descriptors to " + path + " can hold the daemon up: " + refused.error().text);
    });
    if (notify) {
        notify_ = std::move(*notify);
        auto watched = parts_.loop.watch(notify_->descriptor(), ready::in, [this](std::uint32_t) {
            for (const auto pid : notify_->read_beats(beats_at_once)) {
                handle(Beat{.pid = pid}, monotonic_now());
            }
        });
        if (watched) return;
        notify = std::unexpected(watched.error());
        notify_.reset();
    }
    parts_.store.log(Severity::warning, "WATCHDOG=1 can't be received: " + notify.error().text);
}

// Tens of milliseconds that the first restart would wait for otherwise.
void Daemon::prepare_prober() {
    const auto asks = [](const RuleSpec& rule) {
        return rule.restart.possible() && !(rule.ready.tcp.empty() && rule.ready.http.empty());
    };
    if (std::ranges::any_of(parts_.spec.rules, asks)) prober_.prepare();
}

Result<int> Daemon::run() {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    act(Report{{.time = now_,
                .happening = Happening::daemon_start,
                .reason = fmt::format("watching with {} from {}, mode {}{}", counted(parts_.spec.rules.size(), "rule"),
                                      parts_.config_path, name_of(parts_.features.mode),
                                      in_brackets(parts_.features.why_not_bpf))}});
    parts_.observer.compare();
    while (!exit_code_) {
        if (auto turned = turn(); !turned) return std::unexpected(turned.error());
    }
    finish();
    return *exit_code_;
}

Result<void> Daemon::turn() {
    // From the last look at the clock: it may be our own work in which we were stopped.
    const auto due = busy_ || scanning_ || !signals_.empty() ? turned_ : std::max(next_deadline(), turned_);
    if (auto stepped = parts_.loop.step(due); !stepped) return stepped;
    const auto now = monotonic_now();
    if (now - due > longest_lateness) paused_ = std::pair(paused_ ? paused_->first : due, now);
    turned_ = now;
    on_timers(now);
    observe();
    moderate();
    watch_ourselves();
    send_signals();
    scan();
    publish_health();
    return {};
}

Time Daemon::next_scan() const {
    Time next = scan_at_;
    const auto after = [this](Duration cost) { return scanned_ + std::max(between_scans, cost * due_share); };
    if (const auto wanted = parts_.engine.next_scan())
        next = std::min(next, std::max(*wanted, after(waits_.thread_cost())));
    if (const auto wanted = parts_.engine.next_socket_scan())
        next = std::min(next, std::max(*wanted, after(waits_.thread_cost() + waits_.socket_cost())));
    // One that is due a moment after the regular one is worth that moment.
    for (const auto& wanted : {parts_.engine.next_scan(), parts_.engine.next_socket_scan()}) {
        if (wanted && *wanted > next && *wanted - next < between_scans) next = *wanted;
    }
    return next;
}

void Daemon::scan() {
    if (!seen_) return;
    if (waits_.under_way()) {
        scanning_ = waits_.work();
        return;
    }
    if (now_ < next_scan()) return;
    const auto every = parts_.spec.daemon.scan;
    const auto sockets_wanted = parts_.engine.next_socket_scan();
    auto wish = parts_.engine.scan_wish();
    wish.sockets = wish.sockets && (now_ >= sockets_at_ || (sockets_wanted && now_ >= *sockets_wanted));
    scanned_ = now_;
    scan_at_ = now_ + next_thread_scan_after(every, waits_.thread_cost(), parts_.features.mode == Mode::bpf);
    if (wish.sockets) sockets_at_ = now_ + next_socket_scan_after(every, waits_.socket_cost());
    if (!wish.any()) return waits_.rest();
    waits_.begin(std::move(wish), std::exchange(paused_, std::nullopt));
    scanning_ = true;
}

void Daemon::observe() {
    auto more = parts_.observer.work({.needs = [this](const Event& event) { return parts_.engine.needs_of(event); },
                                      .event =
                                          [this](const Event& event, Time time) {
                                              handle(event, time);
                                              look_.saw(event);
                                              if (const auto* changed = std::get_if<Changed>(&event);
                                                  changed != nullptr && changed->process.id.pid == own_pid())
                                                  canary_came_back();
                                              if (std::holds_alternative<Exited>(event))
                                                  latency_.add(monotonic_now() - time);
                                          }});
    busy_ = more.value_or(false);
    if (!more && blind_.empty()) {
        parts_.store.log(Severity::error, more.error().text);
        blind_ = more.error().text;
    }
    if (!more) compare_at_ = now_ + retry_comparison;
}

// Whether the next record wakes us.
void Daemon::moderate() {
    if (polls() || parts_.spec.daemon.ring_size < Moderation::least_ring) return;
    look_.at = turned_;
    const auto next = moderation_.after(std::exchange(look_, {}));
    const bool was_masked = std::exchange(look_at_, next).has_value();
    if (was_masked == next.has_value()) return;
    // Coming back takes memory. Where there is none we go on by the clock.
    if (!parts_.loop.modify(parts_.observer.descriptor(), next ? 0 : ready::in)) look_at_ = turned_ + Moderation::rest;
}

// The end of a command must not overtake what happened before it: a restart would be judged by the old copy, whose exit
// is still in the ring. Where comparisons alone tell, one that begins now: 20 µs a process.
void Daemon::catch_up() {
    if (polls()) {
        parts_.observer.compare();
        while (blind_.empty() && parts_.observer.comparing()) {
            observe();
            send_signals();
        }
        return;
    }
    read_backlog();
    send_signals(); // a storm doesn't wait either
}

// What has been written by now. Bounded, because a storm may never leave the ring empty: 4,096 records, some 10 ms.
void Daemon::read_backlog() {
    for (int batches = 0; batches < 64; ++batches) {
        observe();
        if (!parts_.observer.backlog()) return;
    }
}

// Where comparisons alone tell, each deadline and each end of a command wants one that begins after it. They wait for
// as long as it takes that all comparisons together keep within their share of a core: on a host of 1,600 processes,
// where one takes 40 ms, for a second at most.
bool Daemon::may_look_up() const {
    return !polls() || now_ >= look_up_at_;
}

void Daemon::take_ended_children() {
    if (!child_ended_ || !may_look_up()) return;
    child_ended_ = false;
    catch_up();
    commands_.on_child();
}

void Daemon::advance_engine() {
    const auto due = parts_.engine.next_deadline();
    if (polls() && seen_ && due && *due <= now_) {
        if (!may_look_up()) return;
        catch_up(); // whether somebody has ended by then, or holds since
    }
    Intents intents;
    parts_.engine.advance(now_, intents);
    carry_out(std::move(intents));
}

Time Daemon::next_deadline() const {
    // What on_timers would not do must not wake it: a deadline that stays in the past is a busy loop.
    const auto seen_status = seen_ ? std::optional(status_at_) : std::nullopt;
    const auto scan_due = seen_ && !waits_.under_way() ? std::optional(next_scan()) : std::nullopt;
    Time next = std::max(compare_at_, now_ + (seen_ ? Duration::zero() : retry_comparison));
    next = std::min({next, health_->next_deadline(), watchdog_.next_deadline()});
    auto engine_due = parts_.engine.next_deadline();
    if (engine_due && polls() && seen_) engine_due = std::max(*engine_due, look_up_at_);
    const auto command_due = child_ended_ ? std::optional(look_up_at_) : commands_.next_deadline();
    for (const auto& due :
         {engine_due, command_due, server_->next_deadline(), parts_.store.next_deadline(), waits_.next_deadline(),
          prober_.next_deadline(), reloads_.next_deadline(), scan_due, seen_status, look_at_}) {
        if (due) next = std::min(next, *due);
    }
    return next;
}

void Daemon::on_timers(Time now) {
    now_ = std::max(now_, now);
    take_ended_children();
    advance_engine();
    if (!child_ended_) commands_.advance(now_); // one that has ended in time is not ended for its time-out
    server_->advance(now_);
    parts_.store.advance(now_);
    waits_.advance(now_);
    prober_.advance(now_);
    reloads_.advance(now_);
    // The helpers are replaced when they die, and must not fall to a rule of ours.
    if (std::vector helpers{own_pid(), parts_.spawner.pid(), parts_.store.scribe_pid(), waits_.examiner_pid(),
                            prober_.pid(), reloads_.pid(), parts_.observer.args_reader_pid()};
        helpers != own_pids_) {
        parts_.engine.set_own_pids(helpers);
        own_pids_ = std::move(helpers);
    }
    if (seen_ && now_ >= compare_at_ && !parts_.observer.comparing()) {
        parts_.observer.compare();
        busy_ = true;
    }
    if (seen_ && now_ >= status_at_) {
        if (ready_told_)
            manager_.tell_status(summary(now_));
        else
            ready();
        status_at_ = now_ + (ready_told_ ? status_every : retry_ready);
    }
}

void Daemon::on_signals() {
    for (const int signal : parts_.signals.read()) {
        if (signal == SIGCHLD) {
            child_ended_ = true;
        } else if (signal == SIGHUP) {
            reloads_.ask([this](const Response& response) {
                for (const auto& line : response.lines) {
                    parts_.store.log(response.ok ? Severity::info : Severity::error, line);
                }
                if (!response.ok) parts_.store.log(Severity::error, response.error);
            });
        } else {
            exit_code_ = exit_code_.value_or(0);
        }
    }
    take_ended_children();
}

void Daemon::handle(const Event& event, Time time) {
    now_ = std::max(now_, time);
    Intents intents;
    parts_.engine.handle(event, now_, intents);
    if (const auto* ended = std::get_if<SnapshotEnded>(&event); ended != nullptr && ended->complete) {
        blind_.clear();
        const auto after = [&](Duration every) {
            return now_ + next_comparison_after(parts_.features.mode, every, parts_.observer.last_cost());
        };
        compare_at_ = after(parts_.spec.daemon.reconcile);
        look_up_at_ = after(Duration::zero());
        if (polls()) canary_came_back();
        if (!std::exchange(seen_, true)) {
            ready();
            parts_.store.log(Severity::info, summary(now_));
        }
    }
    if (!intents.empty()) carry_out(std::move(intents));
}

void Daemon::ready() {
    ready_told_ = manager_.tell_ready(summary(now_));
    if (!ready_told_) status_at_ = now_ + retry_ready;
}

std::string Daemon::summary(Time now) const {
    const auto view = parts_.engine.view(now, Detail::health);
    const auto bad = std::ranges::count_if(view.rules, [](const RuleView& rule) {
        return rule.state != RuleState::ok && rule.state != RuleState::paused && rule.state != RuleState::pending;
    });
    return fmt::format("{} processes, {}, {}", view.processes, counted(view.rules.size(), "rule"),
                       bad == 0 ? std::string("all within their limits") : fmt::format("{} not ok", bad));
}

// What is not done, or done otherwise, for want of something in the kernel.
std::vector<std::string> Daemon::missing() const {
    auto lines = missing_in(parts_.features.mode);
    if (!parts_.features.why_not_bpf.empty()) lines.insert(lines.begin(), parts_.features.why_not_bpf);
    lines.insert(lines.end(), waits_.missing().begin(), waits_.missing().end());
    return lines;
}

void Daemon::finish() {
    say_last_words();
    if (parts_.observer.descriptor() >= 0) parts_.loop.forget(parts_.observer.descriptor());
    if (notify_) parts_.loop.forget(notify_->descriptor());
    manager_.tell_stopping();
    act(Report{{.time = now_,
                .happening = Happening::daemon_stop,
                .reason = fmt::format("stopping with exit code {}", *exit_code_)}});
    reloads_.stop(refusal("the daemon is stopping; nothing was changed"));
    server_.reset();
    // An escalation's command has been asked for: let it be started before we are gone.
    const auto patience = monotonic_now() + 1s;
    while (parts_.spawner.outstanding() > 0 && monotonic_now() < patience) {
        if (!parts_.loop.step(patience)) break;
    }
    parts_.store.finish();
}

} // namespace nezuban
