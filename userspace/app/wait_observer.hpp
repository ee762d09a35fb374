// Who does not move, as one event a scan: threads and sockets slice by slice, the silences, then what the examiner
// finds out about them.
//
//   begin(wish) -> threads -> sockets -> silences -> examiner -> WaitsSeen
#pragma once

#include "app/examiner.hpp"
#include "app/wait_source.hpp"
#include "core/event.hpp"
#include "core/intent.hpp"
#include "core/result.hpp"
#include "core/scan_wish.hpp"
#include "io/loop.hpp"
#include "io/spawner.hpp"
#include "probe/stalls.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nezuban {

class WaitObserver {
public:
    struct Ends {
        std::function<void(const Event&, Time)> event;                    // WaitsSeen, Stalled
        std::function<void(const std::string&)> log;                      // for an operator
        std::function<std::optional<Sender>(const Identity&)> stopper_of; // see Observer
    };

    // Never fails: what this kernel can't do is left out, and said in `missing`. All that is given outlives this.
    WaitObserver(Loop& loop, Spawner& spawner, const Features& features, Ends ends);
    ~WaitObserver();
    WaitObserver(const WaitObserver&) = delete;
    WaitObserver& operator=(const WaitObserver&) = delete;
    WaitObserver(WaitObserver&&) = delete;
    WaitObserver& operator=(WaitObserver&&) = delete;

    [[nodiscard]] bool able() const {
        return waits_.has_value();
    }
    [[nodiscard]] const std::vector<std::string>& missing() const {
        return missing_;
    }

    // Begins a scan; not while one is under way. paused: see WaitScan.
    void begin(ScanWish wish, std::optional<std::pair<Time, Time>> paused);
    [[nodiscard]] bool under_way() const {
        return phase_ != Phase::idle;
    }
    // One slice. True: there is more to do at once; false while it waits for the examiner, too.
    bool work();

    void watch(const WatchStalls& watch);
    // Of those, nobody is watched any more but these.
    void keep(const std::set<Identity>& watched);
    // Nobody looks for anything: until the next scan nobody is told of either.
    void rest();
    void follow(const FollowThread& follow);
    void count(const CountSyscalls& count);

    [[nodiscard]] std::optional<Time> next_deadline() const {
        return examiner_.next_deadline();
    }
    void advance(Time now) {
        examiner_.advance(now);
    }
    // Processor time, the kernel's and ours, of the last whole scan: of its threads, and of its sockets if it had any.
    // By the wall, one held up for 0.1 s by others of our priority would put off the next by 16.
    [[nodiscard]] Duration thread_cost() const {
        return thread_cost_;
    }
    [[nodiscard]] Duration socket_cost() const {
        return socket_cost_;
    }
    [[nodiscard]] std::uint32_t examiner_pid() const {
        return examiner_.pid();
    }

private:
    enum class Phase { idle, threads, sockets, completing };

    void complete();
    void take_counts();
    void finish(WaitScan scan);
    void broke_off(const Error& error);
    void sockets_broke_off(const Error& error);
    [[nodiscard]] bool work_threads();
    [[nodiscard]] bool work_sockets();
    void on_stalls();
    void tell_failure(const Result<void>& result);
    void log_once(std::string& last, const std::string& line) const;

    Loop& loop_;
    Ends ends_;
    std::optional<WaitSource> waits_;
    std::optional<Stalls> stalls_;
    Examiner examiner_;
    std::vector<std::string> missing_;
    std::map<ThreadId, Identity> counted_; // whose system calls are counted
    Phase phase_ = Phase::idle;
    bool resting_ = false;
    ScanWish wish_;
    WaitScan scan_;
    Duration thread_cost_{};
    Duration socket_cost_{};
    std::string told_error_; // once, not every second
    std::string told_socket_error_;
    std::string told_failure_;
};

} // namespace nezuban
