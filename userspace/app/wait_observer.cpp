#include "app/wait_observer.hpp"

#include "app/complete.hpp"
#include "io/clock.hpp"
#include "io/syscall_names.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

namespace nezuban {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t stalls_at_once = 256;
constexpr const char* uncounted = "system calls of who seems to spin are not counted: only its system time tells";
// No scan takes so long at real-time priority, and the examiner has a second: we did not run, and perhaps nobody did.
constexpr Duration longest_scan = 5s;

} // namespace

WaitObserver::WaitObserver(Loop& loop, Spawner& spawner, const Features& features, Ends ends)
    : loop_(loop), ends_(std::move(ends)), examiner_(
                                               loop, spawner, [this](WaitScan scan) { finish(std::move(scan)); },
                                               [this](const std::string& line) { ends_.log(line); }) {
    if (auto waits = WaitSource::load(features))
        waits_ = std::move(*waits);
    else
        missing_.push_back("hangs are not looked for: " + waits.error().text);
    if (features.mode != Mode::bpf) {
        missing_.emplace_back("hang.unserved is not looked for, and hang.silent is not watched: both need BPF");
        missing_.emplace_back("since when a thread waits is known from the second look on; whether SIGKILL can end a "
                              "wait in D is not known");
        missing_.emplace_back(uncounted);
        return;
    }
    if (waits_) std::ranges::copy(waits_->sockets()->missing(), std::back_inserter(missing_));
    if (auto stalls = Stalls::attach(features)) {
        stalls_ = std::move(*stalls);
        if (!features.system_calls) missing_.emplace_back(uncounted);
        if (auto watched = loop_.watch(stalls_->descriptor(), ready::in, [this](std::uint32_t) { on_stalls(); });
            !watched)
            missing_.push_back("the end of a stall is seen by the next scan only: " + watched.error().text);
    } else {
        missing_.push_back("hang.silent is not watched, and the end of a stall is seen by the next scan only: "
                           + stalls.error().text);
    }
}

WaitObserver::~WaitObserver() {
    if (stalls_) loop_.forget(stalls_->descriptor());
}

void WaitObserver::begin(ScanWish wish, std::optional<std::pair<Time, Time>> paused) {
    resting_ = false;
    wish_ = std::move(wish);
    scan_ = {.began = monotonic_now(), .paused = paused};
    thread_cost_ = Duration::zero();
    if (wish_.sockets) socket_cost_ = Duration::zero();
    phase_ = Phase::threads;
    if (!waits_) return complete(); // heartbeats need no kernel program
    if (auto begun = waits_->begin_threads(wish_); !begun) {
        broke_off(begun.error());
        complete();
    }
}

bool WaitObserver::work() {
    if (phase_ != Phase::threads && phase_ != Phase::sockets) return false;
    const auto before = own_cpu_time();
    auto& cost = phase_ == Phase::threads ? thread_cost_ : socket_cost_;
    const bool more = phase_ == Phase::threads ? work_threads() : work_sockets();
    cost += own_cpu_time() - before;
    if (!more) complete();
    return more;
}

bool WaitObserver::work_threads() {
    const auto more = waits_->read_threads([this](ThreadWait wait) { scan_.threads.push_back(std::move(wait)); });
    if (!more) {
        broke_off(more.error());
        return false;
    }
    if (*more) return true;
    auto* sockets = wish_.sockets ? waits_->sockets() : nullptr;
    if (sockets == nullptr) return false;
    if (auto begun = sockets->begin_sockets(); !begun) {
        sockets_broke_off(begun.error());
        return false;
    }
    phase_ = Phase::sockets;
    return true;
}

bool WaitObserver::work_sockets() {
    const auto more =
        waits_->sockets()->read_sockets([this](SocketQueue queue) { scan_.sockets.push_back(std::move(queue)); });
    if (!more) {
        sockets_broke_off(more.error());
        return false;
    }
    scan_.sockets_seen = !*more;
    return *more;
}

void WaitObserver::broke_off(const Error& error) {
    scan_.complete = false;
    log_once(told_error_, "the wait scan broke off: " + error.text);
}

// The threads have been told all the same: a kernel without the one program has the other.
void WaitObserver::sockets_broke_off(const Error& error) {
    scan_.sockets.clear();
    log_once(told_socket_error_, "sockets could not be looked at: " + error.text);
}

void WaitObserver::log_once(std::string& last, const std::string& line) const {
    if (std::exchange(last, line) != line) ends_.log(line);
}

void WaitObserver::complete() {
    const auto before = own_cpu_time();
    phase_ = Phase::completing;
    if (stalls_ && wish_.silent) {
        if (auto silences = stalls_->silences()) scan_.silences = std::move(*silences);
    }
    for (auto& wait : scan_.threads) {
        if (wait.syscall && !wait.syscall->compat) wait.syscall->name = syscall_name(wait.syscall->number);
        if (wait.state == ThreadState::stopped) wait.stopped_by = ends_.stopper_of(wait.process);
    }
    take_counts();
    thread_cost_ += own_cpu_time() - before;
    examiner_.complete(std::exchange(scan_, {}), wish_.beat_files);
}

// Who doesn't run any more isn't spinning, and every count costs all others something.
void WaitObserver::take_counts() {
    if (!stalls_ || counted_.empty() || !scan_.complete) return;
    auto before = std::exchange(counted_, {});
    for (auto& wait : scan_.threads) {
        const auto known = before.find(wait.thread);
        if (known == before.end() || wait.state != ThreadState::running) continue;
        wait.syscalls = stalls_->syscalls_of(wait.thread);
        if (wait.syscalls == 0) counted_.insert(before.extract(known));
    }
    for (const auto& [thread, process] : before) {
        stalls_->stop_counting(process, thread);
    }
}

void WaitObserver::finish(WaitScan scan) {
    phase_ = Phase::idle;
    drop_lockless(scan);
    const auto now = monotonic_now();
    if (now - scan.began > longest_scan)
        scan.paused = std::pair(scan.paused ? std::min(scan.paused->first, scan.began) : scan.began, now);
    ends_.event(WaitsSeen{std::make_shared<const WaitScan>(std::move(scan))}, now);
}

void WaitObserver::watch(const WatchStalls& watch) {
    if (stalls_) tell_failure(stalls_->watch(watch.id, watch.threshold));
}

void WaitObserver::keep(const std::set<Identity>& watched) {
    if (stalls_) tell_failure(stalls_->forget_all_but(watched));
}

// Between two scans the engine keeps who came back, and there won't be a second one.
void WaitObserver::rest() {
    resting_ = true;
}

void WaitObserver::follow(const FollowThread& follow) {
    // Without it the next scan sees the end.
    if (stalls_) tell_failure(stalls_->follow(follow.process, follow.thread));
}

void WaitObserver::tell_failure(const Result<void>& result) {
    if (result || result.error().number == ESRCH) return; // gone already: its exit is on the way
    log_once(told_failure_, result.error().text);
}

void WaitObserver::count(const CountSyscalls& count) {
    // Without it, its system time has to do.
    if (!stalls_ || counted_.contains(count.thread)) return;
    if (stalls_->count_syscalls(count.process, count.thread)) counted_.emplace(count.thread, count.process);
}

void WaitObserver::on_stalls() {
    stalls_->drain(stalls_at_once, [this](const Stamped& stamped) {
        if (!resting_) ends_.event(stamped.event, stamped.time);
    });
}

} // namespace nezuban
