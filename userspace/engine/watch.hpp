// One rule at work: whom it counts, what it judges, what it has done about it.
//
//   enter, leave (watch.cpp)  ->  judge, react (watch_judge.cpp)  ->  restart, escalate (watch_restart.cpp)
//   of a restart: watch_stop, watch_ready, watch_settle; findings that join there: watch_hang
//   and besides: watch_kin (relatives), watch_tell, watch_operator, watch_memory (what outlives the daemon)
#pragma once

#include "core/event.hpp"
#include "core/finding.hpp"
#include "core/intent.hpp"
#include "core/memory.hpp"
#include "core/spec.hpp"
#include "core/view.hpp"
#include "engine/desk.hpp"
#include "engine/findings.hpp"
#include "engine/plan.hpp"
#include "rules/budget.hpp"
#include "rules/census.hpp"
#include "rules/judgement.hpp"
#include "rules/matcher.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nezuban {

class Watch {
public:
    // Beyond a command's own time-out, in case that its end does not reach us; then its end is asked for.
    static constexpr Duration command_slack = 30s;

    explicit Watch(RuleSpec spec);
    Watch(const Watch&) = delete; // the table points to it
    Watch& operator=(const Watch&) = delete;
    Watch(Watch&&) = delete;
    Watch& operator=(Watch&&) = delete;
    ~Watch() = default;

    [[nodiscard]] const RuleSpec& spec() const {
        return spec_;
    }
    [[nodiscard]] const Matcher& matcher() const {
        return matcher_;
    }

    // --- membership; judge after it -------------------------------------------------------------------------
    enum class Entry { forked, known };
    void enter(const Process& process, Entry how, Turn& turn);
    void leave(const Process& process, Turn& turn); // it became somebody else
    // fell: when its end was settled.
    void lose(const Process& process, const Cause& cause, Time fell, Turn& turn);
    [[nodiscard]] bool moved(const Process& before, const Process& after) const; // to another value of count.per

    // --- judgement --------------------------------------------------------------------------------------------
    void snapshot_began(); // with what this rule needs to know
    void start_judging();  // a snapshot is complete: counts if it began after this rule was there
    [[nodiscard]] bool judging() const {
        return judging_;
    }
    void judge(Turn& turn);
    [[nodiscard]] std::optional<Time> next_deadline() const;
    // Another rule wants to end one of ours, and may not. See docs/adr/0005-whom-stop-newest-ends.md.
    [[nodiscard]] bool protects_from(const Watch& storm) const;

    // --- hangs: watch_hang.cpp ----------------------------------------------------------------------------------
    // What a scan says of processes as a whole.
    struct Look {
        std::set<Identity> seen; // a thread of it was told, or it was asked for
        std::set<Identity> debugged;
        std::set<Identity> frozen;
        std::set<Identity> doubtful; // out: to be asked for, because it may be frozen
    };
    // What a scan has found of this rule's processes: tells what is new and what is over. Returns when a sign of life
    // is overdue unless it comes.
    std::optional<Time> take_findings(std::vector<Finding> found, const WaitScan& scan, Look& look, Turn& turn);
    void thread_returned(const Identity& process, std::uint32_t tid, Turn& turn); // exactly now
    void beat(Turn& turn);
    [[nodiscard]] bool hung() const {
        return !findings_.empty();
    }

    // --- answers ----------------------------------------------------------------------------------------------
    void command_ended(const CommandEnded& ended, Turn& turn);
    void command_started(const CommandStarted& started, Turn& turn);
    [[nodiscard]] bool wants_ended(const Process& member, const Desk& desk) const;
    void signal_sent(const SignalSent& sent, Turn& turn);
    void probed(const Probed& probed, Turn& turn);
    void orphan_ended(Turn& turn);
    void orphan_unheard(Time now); // its signal could not be sent, for want of something of ours

    // --- relatives: watch_kin.cpp; the gates are in kinship.hpp --------------------------------------------------
    // One that it follows is about to be stopped: down first, up again when that is up.
    void give_way(const Watch& cause, Turn& turn);
    [[nodiscard]] bool up() const;            // what requires it may start
    [[nodiscard]] bool being_stopped() const; // what it requires must not be stopped yet
    [[nodiscard]] bool holding() const {      // stopped, and not started yet
        return plan_.phase == Plan::Phase::holding;
    }
    [[nodiscard]] bool lost() const; // not up, and nothing of ours will change that
    [[nodiscard]] bool calm() const; // nothing of it is left of what fell
    [[nodiscard]] bool given_up() const {
        return exhausted_ && !mending();
    }
    [[nodiscard]] bool present() const; // as many run as have to
    // A restart of it that had begun before we were there goes on with a stop, whether we have taken it up yet or not.
    [[nodiscard]] bool is_yet_to_be_stopped(const ProcessTable& table) const;
    void inherit(const Watch& before, Turn& turn);
    // The same processes, as many of them, restarted in the same way: it is the same rule, whatever else is said of it.
    [[nodiscard]] bool is_as_before(const RuleSpec& spec) const {
        return spec.match == spec_.match && spec.count == spec_.count && spec.restart == spec_.restart;
    }
    // Another text of the same rule, which goes on where it is.
    void take(RuleSpec spec, Turn& turn);
    // Since the last call: others may have waited for it.
    [[nodiscard]] bool take_change();
    // Once until it has been judged: a list of those to judge needs no search.
    [[nodiscard]] bool take_turn() {
        return !std::exchange(in_turn_, true);
    }
    void give_turn() {
        in_turn_ = false;
    }
    [[nodiscard]] bool mending() const {
        return plan_.phase != Plan::Phase::none;
    }
    [[nodiscard]] bool mends_or_will() const { // one of the daemon before us may not have been taken up yet
        return mending() || (resume_ && !resume_->dropped);
    }
    [[nodiscard]] bool restarting() const { // mending, and not only asked whether it is ready
        return mending() && !plan_.asks;
    }
    // In the configuration.
    void set_place(std::size_t place) {
        place_ = place;
    }
    [[nodiscard]] std::size_t place() const {
        return place_;
    }
    // Its falls are judged together with those of others.
    void set_kin(bool has_any) {
        has_kin_ = has_any;
    }

    // --- the operator ------------------------------------------------------------------------------------------
    void pause(std::optional<Time> until, Turn& turn);
    void resume(Turn& turn, const std::string& why);
    [[nodiscard]] bool paused() const {
        return paused_;
    }
    [[nodiscard]] std::optional<std::string> why_no_restart() const;
    void restart_by_hand(Turn& turn);
    void reset(Turn& turn);

    void restore(const RuleMemory& memory);
    [[nodiscard]] RuleMemory memory() const;
    [[nodiscard]] RuleView view(Time now, Detail detail) const;
    [[nodiscard]] std::vector<Identity> members() const;
    [[nodiscard]] bool has(std::uint32_t pid) const;
    [[nodiscard]] RuleState state() const;

    // A restart command whose plan is no more, but which still runs: the next attempt waits for its end.
    struct Outstanding {
        CommandId id = 0;               // 0: none
        std::optional<Time> until = {}; // it must have been heard of; absent: it has not been started yet
        std::string token = {};
        std::uint32_t pid = 0; // once started
    };
    [[nodiscard]] Outstanding outstanding() const;
    void await(Outstanding command, Turn& turn);

private:
    using Timers = std::multimap<Time, std::string>;
    struct Bucket {
        Census census;
        Judgement judgement;
        std::optional<Timers::iterator> timer;
        bool acted = false; // what is done once in an incident was done: said so, ran, escalated
        std::string reason; // of the incident
    };

    // A command beside restarts: watch_call.cpp.
    enum class CallKind { escalate, over, notify };
    struct Call {
        CallKind kind = CallKind::notify;
        std::string value = {}; // of count.per
        std::string reason = {};
        std::uint32_t attempt = 0;
        bool started = false;
        std::uint32_t failures = 0; // to start it
        Time again_at{};
    };

    struct Telling {
        Time second{};
        std::uint32_t told = 0;
        std::uint32_t untold = 0;
    };

    struct Loss {
        std::string how;       // empty: nobody has left
        std::uint32_t pid = 0; // who
        Time at{};
        int weight = 0; // how little it looks like somebody else's doing
    };

    // watch.cpp, watch_judge.cpp, watch_tell.cpp
    std::string value_of(const Process& process) const; // of count.per
    [[nodiscard]] Limits limits() const;
    void judge(const std::string& value, Bucket& bucket, Turn& turn);
    void begin_incident(const std::string& value, Bucket& bucket, Turn& turn);
    void react(const std::string& value, Bucket& bucket, Turn& turn);
    void hold_down(const std::string& value, Bucket& bucket, Turn& turn);
    void note(const std::string& value, const Bucket& bucket); // after its judgement has changed
    template <typename Is> [[nodiscard]] bool any_uneasy(Is is) const {
        return std::ranges::any_of(uneasy_, [&](const auto& value) { return is(buckets_.at(value).judgement); });
    }
    void drop_bucket(const std::string& value);
    void wake_at(const std::string& value, Bucket& bucket, Time time);
    void wake(Time now);
    void remove_from_bucket(const Process& process, Turn& turn);
    void watch_stalls(const Identity& id, Turn& turn) const;
    void forget(Turn& turn);
    void tell_exit(const Process& process, const Cause& cause, Turn& turn);
    bool may_tell(Telling& telling, Turn& turn); // one more in this second; if not it is added to the sum
    void flush_tellings(Turn& turn);
    [[nodiscard]] std::uint32_t total() const {
        return members_;
    }
    void make_restless(); // judge every bucket, in this turn if it is being judged
    [[nodiscard]] std::string why_not_ok() const;
    void uncount_excess(); // it was to be ended, and is not
    [[nodiscard]] Census::Ending ending_of(const Identity& id, const Desk& desk) const;
    Incident incident(Happening happening, std::string reason, const Turn& turn) const;
    void report(Incident incident, Turn& turn);
    // The command as it stands in turn.out, until something else is put there.
    RunCommand& run(const Argv& argv, const Incident& why, const std::string& what, Turn& turn) const;
    void name_root_cause(Incident& incident, const Turn& turn) const;

    // watch_call.cpp
    RunCommand& call(Call call, const Incident& why, Turn& turn); // in turn.out
    void call_started(CommandId id, Turn& turn);
    void call_ended(const CommandEnded& ended, Turn& turn);
    void call_again(Turn& turn);
    [[nodiscard]] bool stands(const Call& call) const;
    [[nodiscard]] std::optional<Time> next_call() const;
    [[nodiscard]] static std::string word_of(CallKind kind);

    // watch_hang.cpp
    void take_file_beat(const FileBeat& beat, const Turn& turn);
    bool may_be_frozen(const Finding& finding, Look& look, Time now);
    std::optional<Time> check_heartbeat(const WaitScan& scan, std::vector<Finding>& found, const Turn& turn);
    void begin_finding(Finding finding, Turn& turn);
    void tell_finding(const Finding& finding, Turn& turn);
    void end_finding(const Finding& finding, const std::string& how, Turn& turn);
    void end_findings_of(const Identity& process, Turn& turn);
    void react_to_hangs(Turn& turn);
    template <typename Is> std::vector<Finding> take_findings_of(const Identity& process, Is is);
    [[nodiscard]] const Finding* to_act_on() const; // the oldest that is to be mended by a restart
    [[nodiscard]] std::set<Identity> hung_to_end(const Turn& turn) const;

    // watch_restart.cpp
    void begin_plan(std::string reason, Turn& turn);
    void attempt(Turn& turn);
    void make_way(Turn& turn);
    void forget_orphan(Turn& turn);
    void end_orphan_in_time(Turn& turn);
    void wait_for_orphan(const PlanMemory& memory, Turn& turn);
    RunCommand& run_step(const Argv& argv, const std::string& what, Turn& turn); // in turn.out
    void start(Turn& turn);
    void adopt(Turn& turn);
    void settle(Turn& turn);
    void attempt_failed(const std::string& why, Turn& turn);
    void recovered(Turn& turn);
    void drop_plan(Turn& turn);
    void escalate(const std::string& why, Turn& turn, const std::string& value = {}); // of count.per
    void advance_plan(Turn& turn);
    bool step(Turn& turn); // true: there may be another one at once
    bool hold(Turn& turn);
    bool waits_for_command(Turn& turn);
    bool waits_for_outstanding(Turn& turn);
    void break_off(Turn& turn);
    [[nodiscard]] static bool well_ended(const CommandEnded& ended);
    void step_settling(Turn& turn);
    [[nodiscard]] std::optional<std::string> why_spent(const Turn& turn) const;
    [[nodiscard]] bool mended() const;
    [[nodiscard]] std::optional<Time> plan_deadline() const;

    // watch_stop.cpp
    void stop_members(Turn& turn);
    bool end_members(Turn& turn);
    void signal_all(const std::set<Identity>& ids, int signal, Turn& turn);
    void unheard_by(const Identity& id, Turn& turn); // a victim
    void end_victims(Turn& turn);
    void begin_ending(Turn& turn);
    [[nodiscard]] bool victims_are_deaf(const Turn& turn) const; // kernel threads, all of them
    [[nodiscard]] bool may_be_ended(const Identity& id, const Turn& turn) const;
    [[nodiscard]] bool may_be_signalled(const Identity& id, const Turn& turn) const;
    [[nodiscard]] std::set<Identity> members_to_end(const Turn& turn) const;
    [[nodiscard]] std::set<Identity> to_end(const Turn& turn) const; // before the start

    // watch_ready.cpp
    void look_whether_ready(Turn& turn);
    void ask_whether_ready(Time until, Turn& turn);
    void ask_again(Turn& turn);
    [[nodiscard]] bool may_act() const {
        return !paused_ && spec_.restart.possible();
    }
    [[nodiscard]] bool left_as_it_is() const { // what falls now falls by itself
        return plan_.phase <= Plan::Phase::waiting || plan_.asks;
    }
    void take_readiness(const std::string& error, Turn& turn);
    void stop_asking(Turn& turn);
    void end_question(const ReadySpec& asked, Turn& turn); // how it was asked

    // watch_kin.cpp
    void fell(Time at, std::uint32_t pid, std::string reason, Turn& turn);

    // watch_memory.cpp
    void remember(Turn& turn) const;
    void resume_plan(Turn& turn);
    [[nodiscard]] bool has_to_go_on(const PlanMemory& memory, const ProcessTable& table) const;
    [[nodiscard]] bool is_in_order(const PlanMemory& memory, const Desk& desk) const;
    [[nodiscard]] static std::string next_token(const Turn& turn);

    RuleSpec spec_;
    Matcher matcher_;
    std::map<std::string, Bucket> buckets_;
    std::uint32_t members_ = 0;      // of all buckets
    std::set<std::string> uneasy_;   // buckets out of range or told to be: asked in every turn, as none else is
    std::set<std::string> restless_; // buckets to judge at the next turn
    Timers timers_;                  // ... and at a later time; one a bucket, and gone with it
    bool again_ = false;             // all of them once more, in this turn
    bool awaiting_ = false;          // the end of a snapshot
    bool judging_ = false;
    bool judged_ = false; // at least once: its ranges mean something
    Budget budget_;
    Plan plan_;
    std::optional<PlanMemory> resume_; // of the daemon before us, until we can judge
    Identity orphan_;                  // its command, while it runs; nothing is started beside it
    std::string orphan_token_;
    Time orphan_until_{};     // then it is ended
    int orphan_signal_ = 0;   // what it got for that
    Outstanding outstanding_; // of a plan that was dropped
    bool exhausted_ = false;
    std::string exhausted_reason_;
    bool paused_ = false;
    std::optional<Time> paused_until_;
    Findings findings_;
    std::optional<Time> last_beat_;
    std::optional<Time> touched_;   // the heartbeat file, as it was told last
    Time beat_due_from_{};          // the rule got its first process
    std::optional<Time> forget_at_; // healthy until then: the next restart is immediate again
    bool has_kin_ = false;
    std::size_t place_ = 0;
    bool unready_ = false;    // it runs, but ready.* has not been answered well since it was started
    std::uint32_t stage_ = 0; // as others know it
    bool in_turn_ = false;
    bool fallen_ = false; // and its group knows since when
    // Since the rule was last mended: who ended last, to be gone for good before a start, and the cause when there are
    // too few.
    std::vector<Identity> leaving_;
    Loss last_loss_;

    std::map<CommandId, Call> calls_;                       // asked for, and not ended
    std::map<std::pair<CallKind, std::string>, Call> owed_; // could not be started
    bool page_owed_ = false;                                // as it is remembered

    // Exits, ended excess and who could not be ended are told at once, but not by the thousand: the rest of a second is
    // told as a sum.
    Telling hangs_;
    Telling hang_ends_;
    Telling exits_;
    Telling excess_;
    Telling refusals_;
    std::uint64_t stopped_excess_ = 0;
};

} // namespace nezuban
