// How long somebody waits for `nezuban explain PID`, its start and the loading of its programs included: of a server
// that has nothing to do, and of a process with 5,000 threads.
#include "../support/hang.hpp"
#include "bench.hpp"
#include "host.hpp"

#include <functional>

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nezuban;

namespace {

constexpr int rounds = 25;
constexpr int many = 5000;
constexpr std::size_t small_stack = 64UL << 10U;
constexpr double bar_ms = 300;

// More threads than the helper programs make. Dies with us.
class ManyThreads {
public:
    ManyThreads() {
        int ready[2];
        if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        const test::Fd reader(ready[0]);
        test::Fd writer(ready[1]);
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork");
        if (pid_ == 0) be_many(parent, writer.get());
        writer.close();
        char byte = 0;
        if (::read(reader.get(), &byte, 1) == 1) return;
        end();
        throw std::runtime_error("no process with so many threads");
    }
    ~ManyThreads() {
        end();
    }
    ManyThreads(const ManyThreads&) = delete;
    ManyThreads& operator=(const ManyThreads&) = delete;
    ManyThreads(ManyThreads&&) = delete;
    ManyThreads& operator=(ManyThreads&&) = delete;

    [[nodiscard]] pid_t pid() const {
        return pid_;
    }

private:
    [[noreturn]] static void be_many(pid_t parent, int ready) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        ::alarm(120);
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, small_stack);
        const auto idle = [](void*) -> void* {
            for (;;)
                ::pause();
        };
        for (int at = 1; at < many; ++at) {
            pthread_t thread{};
            if (pthread_create(&thread, &attributes, idle, nullptr) != 0) ::_exit(1);
        }
        (void)!::write(ready, "", 1);
        idle(nullptr);
        ::_exit(0);
    }
    void end() const {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    pid_t pid_ = -1;
};

double ask_about(pid_t pid, const std::string& socket, std::size_t threads) {
    const auto begin = bench::monotonic_ns();
    test::Child explain({test::nezuban_binary(), "explain", std::to_string(pid), "--json", "--socket", socket});
    const auto text = explain.read_rest();
    explain.wait();
    const double took = bench::ms_since(begin);
    const auto answer = nlohmann::json::parse(text);
    if (answer.at("threads").size() != threads) throw std::runtime_error("not all threads: " + text.substr(0, 400));
    return took;
}

void run() {
    const test::TempDir dir;
    const test::Actor server("nzstuck", {"idle-epoll"}, "nzb-server");
    const ManyThreads threads;
    bench::Series of_server("an idle server", "ms");
    bench::Series of_threads(fmt::format("a process with {} threads", many), "ms");
    for (int round = -1; round < rounds; ++round) {
        const double one = ask_about(server.pid(), dir.file("none"), 1);
        const double other = ask_about(threads.pid(), dir.file("none"), many);
        if (round < 0) continue;
        of_server.add(one);
        of_threads.add(other);
    }
    bench::print_title("`nezuban explain PID`, until it has ended");
    for (const auto* series : {&of_server, &of_threads}) {
        bench::print(*series);
    }
    for (const auto* series : {&of_server, &of_threads})
        bench::print_bar("explain: " + series->name(), series->median(), "ms", bench::spread_of(*series), bar_ms);
}

} // namespace

int main() {
    return bench::run_bench(run);
}
