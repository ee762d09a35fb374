// The wait scan alone, and helper programs that are stuck in their own ways.
#pragma once

#include "core/scan_wish.hpp"
#include "io/kernel_symbols.hpp"
#include "probe/lifecycle.hpp"
#include "probe/waits.hpp"
#include "support/child.hpp"
#include "support/features.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#define NEEDS_SCAN()                                                                                                   \
    if (!nezuban::test::can_load_bpf()) SKIP(nezuban::test::why_no_bpf());                                             \
    if (!nezuban::test::features().wait_scan) SKIP("not on this kernel: nobody tells since when a thread waits")

namespace nezuban::test {

inline const ScanWish everything{
    .uninterruptible = true, .stopped = true, .locks = true, .running = true, .sockets = true};

inline ScanWish asking(std::vector<std::uint32_t> processes, std::vector<std::uint32_t> threads = {}) {
    return {.processes = std::move(processes), .threads = std::move(threads)};
}

inline std::uint32_t pid_of(const Child& child) {
    return static_cast<std::uint32_t>(child.pid());
}

class Scanner {
public:
    Scanner() : waits_(must(Waits::load(test::features()))) {}

    std::vector<ThreadWait> threads(const ScanWish& wish) {
        std::vector<ThreadWait> told;
        must(waits_.begin_threads(wish));
        while (must(waits_.read_threads([&](ThreadWait wait) { told.push_back(std::move(wait)); }))) {
        }
        for (auto& wait : told)
            stacks_.name(wait.kernel_stack);
        return told;
    }
    // Those of a process, or one of its threads.
    std::vector<ThreadWait> threads_of(std::uint32_t pid, const ScanWish& wish, std::uint32_t tid = 0) {
        auto told = threads(wish);
        std::erase_if(told, [&](const ThreadWait& wait) {
            return wait.process.pid != pid || (tid != 0 && wait.thread.tid != tid);
        });
        return told;
    }
    // What is not so yet becomes so, or the test fails.
    ThreadWait await(std::uint32_t pid, const ScanWish& wish, const std::function<bool(const ThreadWait&)>& wanted) {
        for (const auto deadline = after();;) {
            for (auto& wait : threads_of(pid, wish)) {
                if (wanted(wait)) return wait;
            }
            if (test::Clock::now() > deadline) throw std::runtime_error("no such thread was told");
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }

    std::vector<SocketQueue> sockets() {
        std::vector<SocketQueue> told;
        must(waits_.begin_sockets());
        while (must(waits_.read_sockets([&](SocketQueue queue) { told.push_back(std::move(queue)); }))) {
        }
        return told;
    }
    std::vector<SocketQueue> sockets_of(std::uint32_t pid) {
        auto told = sockets();
        std::erase_if(told, [&](const SocketQueue& queue) { return queue.owner.pid != pid; });
        return told;
    }
    SocketQueue await_socket(std::uint32_t pid, const std::function<bool(const SocketQueue&)>& wanted) {
        for (const auto deadline = after();;) {
            for (auto& queue : sockets_of(pid)) {
                if (wanted(queue)) return queue;
            }
            if (test::Clock::now() > deadline) throw std::runtime_error("no such socket was told");
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    Waits& waits() {
        return waits_;
    }

private:
    template <typename T> static T must(Result<T> result) {
        if (!result) throw std::runtime_error(result.error().text);
        if constexpr (!std::is_void_v<T>) return std::move(*result);
    }

    Waits waits_;
    KernelStacks stacks_;
};

// A helper program that is where its kind says, and its line.
struct Stage {
    Child child;
    std::string line;

    Stage(std::string_view name, std::vector<std::string> arguments)
        : child(with_program(name, std::move(arguments)), {.ends_with_input = true}), line(child.read_line()) {
        if (line.find("\"ready\"") == std::string::npos) throw std::runtime_error(line);
    }
    [[nodiscard]] std::uint32_t pid() const {
        return pid_of(child);
    }
    [[nodiscard]] std::uint32_t tid() const {
        return static_cast<std::uint32_t>(number_in(line, "tid"));
    }

private:
    static std::vector<std::string> with_program(std::string_view name, std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), program(name));
        return arguments;
    }
};

} // namespace nezuban::test
