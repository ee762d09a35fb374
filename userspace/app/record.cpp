#include "app/record.hpp"

#include "app/observer.hpp"
#include "app/scan_pace.hpp"
#include "app/wait_observer.hpp"
#include "core/spec.hpp"
#include "io/clock.hpp"
#include "io/files.hpp"
#include "io/loop.hpp"
#include "io/signals.hpp"
#include "replay/record.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <ostream>

#include <fmt/format.h>

namespace nezuban {

namespace {

constexpr Duration flush_every = 1s;

// Whatever a replay may ask for, but what costs those who are watched.
ScanWish everything() {
    return {.uninterruptible = true,
            .stopped = true,
            .locks = true,
            .running = true,
            .sockets = true,
            .least = 100ms,
            .processes = {},
            .threads = {},
            .beat_files = {}};
}

struct Recording {
    std::ofstream file;
    std::uint64_t events = 0;
    std::uint64_t lost = 0;
    std::function<void(const std::string&)> log;
};

Result<void> record(const RecordOptions& options, const Features& features, Recording& recording) {
    auto loop = Loop::create();
    if (!loop) return std::unexpected(loop.error());
    auto signals = SignalFd::open();
    if (!signals) return std::unexpected(signals.error());
    auto spawner = Spawner::start();
    if (!spawner) return std::unexpected(spawner.error());
    if (auto attached = spawner->attach(*loop); !attached) return attached;
    auto observer =
        Observer::attach(features, DaemonSpec{}.ring_size, std::make_unique<ArgsReader>(*spawner, recording.log));
    if (!observer) return std::unexpected(observer.error());

    bool stopping = false;
    const auto watched = loop->watch(signals->fd(), ready::in, [&](std::uint32_t) {
        for (const int signal : signals->read()) {
            stopping = stopping || signal == SIGINT || signal == SIGTERM;
        }
    });
    if (!watched) return watched;
    if (observer->descriptor() >= 0) {
        if (auto ring = loop->watch(observer->descriptor(), ready::in, [](std::uint32_t) {}); !ring) return ring;
    }

    const auto clocks = clock_pair();
    recording.file << record_header(clocks);
    // A replay may ask for anything, so everything is read; but of a child only what its parent is, which the replay
    // knows: by the time we read, it may have become somebody else.
    const Observer::Ends ends{.needs =
                                  [](const Event& event) {
                                      const bool child = std::holds_alternative<Forked>(event);
                                      return Needs{.exe = !child, .args = !child, .cgroups = true};
                                  },
                              .event =
                                  [&](const Event& event, Time time) {
                                      recording.file
                                          << to_line(event, std::max(time, clocks.monotonic), clocks.monotonic);
                                      ++recording.events;
                                      if (const auto* lost = std::get_if<EventsLost>(&event))
                                          recording.lost += lost->total();
                                  }};
    WaitObserver waits(*loop, *spawner, features,
                       {.event = ends.event, .log = recording.log, .stopper_of = [&](const Identity& process) {
                            return observer->stopper_of(process);
                        }});
    for (const auto& line : waits.missing())
        recording.log(line);
    observer->compare();
    auto scan_at = clocks.monotonic;
    const Time end = options.hold ? clocks.monotonic + *options.hold : Time::max();
    for (bool more = true; !stopping;) {
        const auto now = monotonic_now();
        if (now >= end) break;
        waits.advance(now);
        if (now >= scan_at && !waits.under_way()) {
            scan_at = now + next_whole_scan_after(DaemonSpec{}.scan, waits.thread_cost() + waits.socket_cost());
            waits.begin(everything(), std::nullopt);
        }
        const bool scanning = waits.work();
        auto deadline = more || scanning ? now : std::min(now + flush_every, scan_at);
        if (const auto due = waits.next_deadline()) deadline = std::min(deadline, *due);
        deadline = std::min(deadline, end);
        if (auto stepped = loop->step(deadline); !stepped) return stepped;
        auto worked = observer->work(ends);
        if (!worked) return std::unexpected(worked.error());
        more = *worked;
        if (!more) recording.file.flush();
        if (!recording.file) return fail("writing " + options.file + ": the disk may be full");
    }
    return {};
}

} // namespace

int run_record(const RecordOptions& options, std::ostream& err) {
    const auto features = probe_features(options.without);
    if (auto able = require(features); !able) {
        err << "nezuban: " << able.error().text << '\n';
        return 4;
    }
    if (auto created = create_private(options.file); !created) { // command lines of everybody come into it
        err << "nezuban: " << created.error().text << '\n';
        return 1;
    }
    Recording recording{.file = std::ofstream(options.file, std::ios::binary | std::ios::trunc),
                        .log = [&](const std::string& line) { err << "nezuban: " << line << '\n'; }};
    if (!recording.file) {
        err << "nezuban: can't write " << options.file << '\n';
        return 1;
    }
    const auto done = record(options, features, recording);
    recording.file.close();
    if (!done || !recording.file) {
        err << "nezuban: " << (done ? "writing " + options.file + " failed" : done.error().text) << '\n';
        return 1;
    }
    err << fmt::format("{} events in {}, {} lost\n", recording.events, options.file, recording.lost);
    return 0;
}

} // namespace nezuban
