// The real programs on the kernel that runs, and everything that came out of the ring since they were attached.
#pragma once

#include "probe/lifecycle.hpp"
#include "probe/snapshot.hpp"
#include "support/child.hpp"
#include "support/features.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#define NEEDS_BPF()                                                                                                    \
    if (!nezuban::test::can_load_bpf()) SKIP(nezuban::test::why_no_bpf())

namespace nezuban::test {

template <typename T> T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().text);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Watch {
public:
    Watch() : lifecycle_(must(Lifecycle::attach(test::features(), 1U << 20U))), snapshot_(must(Snapshot::load())) {}

    // What a test does not look at stays: every test asks for pids of its own.
    template <typename Kind> Kind await(const std::function<bool(const Kind&)>& wanted) {
        const auto deadline = after();
        for (std::size_t seen = 0;;) {
            drain();
            for (; seen < events_.size(); ++seen) {
                const auto* one = std::get_if<Kind>(&events_[seen]);
                if (one != nullptr && wanted(*one)) return *one;
            }
            if (!wait_readable(lifecycle_.descriptor(), deadline))
                throw std::runtime_error("the kernel did not tell it");
        }
    }
    Forked await_fork(long pid) {
        return await<Forked>([&](const Forked& fork) { return fork.child.id.pid == static_cast<std::uint32_t>(pid); });
    }
    Execed await_exec(long pid, const std::string& comm) {
        return await<Execed>([&](const Execed& exec) {
            return exec.process.id.pid == static_cast<std::uint32_t>(pid) && exec.process.comm == comm;
        });
    }
    Exited await_exit(long pid) {
        return await<Exited>([&](const Exited& exit) { return exit.id.pid == static_cast<std::uint32_t>(pid); });
    }

    // How many there are of this kind for which it is so, of what the ring holds by now.
    template <typename Kind> int count(const std::function<bool(const Kind&)>& wanted) {
        drain();
        int found = 0;
        for (const auto& event : events_) {
            const auto* one = std::get_if<Kind>(&event);
            if (one != nullptr && wanted(*one)) ++found;
        }
        return found;
    }

    // One pass of the iterator, by pid.
    std::map<long, SnapshotTask> snapshot() {
        std::map<long, SnapshotTask> tasks;
        must(snapshot_.begin());
        while (must(snapshot_.read_slice([&](const SnapshotTask& task) { tasks[task.process.id.pid] = task; }))) {
        }
        return tasks;
    }

    [[nodiscard]] Lifecycle& lifecycle() {
        return lifecycle_;
    }

private:
    void drain() {
        while (lifecycle_.drain(1024, [this](Stamped stamped) { events_.push_back(std::move(stamped.event)); })
               == 1024) {
        }
    }

    Lifecycle lifecycle_;
    Snapshot snapshot_;
    std::vector<Event> events_;
};

// One for all tests, and one attempt: in an emulated machine, reading the kernel's types takes seconds.
inline Watch& the_watch() {
    static std::unique_ptr<Watch> watch;
    static std::string failure;
    if (!failure.empty()) throw std::runtime_error("not attached, see the first failure");
    if (!watch) {
        try {
            watch = std::make_unique<Watch>();
        } catch (const std::runtime_error& error) {
            failure = error.what();
            throw;
        }
    }
    return *watch;
}

} // namespace nezuban::test
