// Threads and locks: some wait for ever, some only look so.
//
//   nzlock KIND [ARGUMENT…] [--name X] [--life SECONDS]
//
// Deadlocks; "ready" says the cycle: each thread, the lock that it waits for, and who owns that one
//   cycle2 cycle3 recursive errorcheck robust   pthread mutexes of that type, taken in a ring
//   shared     the same in memory that two processes share
//   cxx        std::mutex and std::lock_guard
//   library    inside a shared library (hang/inversion.cpp)
//   self       one thread, one mutex, twice
//   rwlock     the writer of an rwlock wants a mutex whose owner wants to read
//   join       the owner of a mutex joins a thread that waits for it
//
// Waits that are none
//   chain N [HOW]   N threads wait for one mutex, whose owner is in: pause | vfork (in D) | read | sleep. "release"
//   ends it lost            waits on a word that nobody will change. "release" changes it condvar N       N idle
//   threads on a condition variable;  semaphore N, joiner N: likewise contend N       N threads pass one mutex on.
//   "count" says how often it was taken, and least by whom timed           two mutexes in opposite order, given up
//   after 300 ms and tried again
#include "hang/inversion.hpp"
#include "hang/scene.hpp"

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>

namespace {

constexpr const char* usage = "nzlock KIND [ARGUMENT...] [--name X] [--life SECONDS]   (see nzlock.cpp)";
constexpr long most_threads = 2000;

// What every thread of a ring has to know of the others.
struct Ring {
    std::atomic<int> holding = 0;
    int size = 0;

    // Returns when everybody has its first lock. No futex: a thread in one has to be in the one that counts.
    void all_hold() {
        ++holding;
        while (holding < size)
            sched_yield();
    }
};

struct Link {
    pid_t pid = 0;
    pid_t tid = 0;
    const void* wants = nullptr;
};

// Each link's lock is owned by the next one.
void say_cycle(const std::vector<Link>& links) {
    std::string cycle;
    for (std::size_t at = 0; at < links.size(); ++at) {
        const Link& link = links[at];
        nz::await_in(link.pid, link.tid, SYS_futex);
        char text[160];
        std::snprintf(text, sizeof text, R"(%s{"tid": %d, "pid": %d, "lock": "%p", "owner_tid": %d})",
                      at > 0 ? ", " : "", link.tid, link.pid, link.wants, links[(at + 1) % links.size()].tid);
        cycle += text;
    }
    nz::say(R"({"event": "ready", "pid": %d, "cycle": [%s]})", getpid(), cycle.c_str());
}

// --- deadlocks --------------------------------------------------------------------------------------------------

void make_mutex(pthread_mutex_t& mutex, const std::string& kind) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (kind == "recursive") pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    if (kind == "errorcheck") pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    if (kind == "robust") pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (kind == "shared") pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&mutex, &attributes);
}

std::string letter(std::size_t at) {
    return std::string("locker-") + static_cast<char>('a' + at);
}

void ring_of_mutexes(const std::string& kind, std::size_t size) {
    static Ring ring;
    static std::array<pthread_mutex_t, 3> mutexes;
    ring.size = static_cast<int>(size);
    std::vector<Link> links;
    for (std::size_t at = 0; at < size; ++at)
        make_mutex(mutexes[at], kind);
    for (std::size_t at = 0; at < size; ++at) {
        pthread_mutex_t* own = &mutexes[at];
        pthread_mutex_t* next = &mutexes[(at + 1) % size];
        const pid_t tid = nz::in_thread(letter(at), [own, next] {
            pthread_mutex_lock(own);
            ring.all_hold();
            pthread_mutex_lock(next);
        });
        links.push_back({getpid(), tid, next});
    }
    say_cycle(links);
}

void ring_of_processes(const char* name) {
    struct Shared {
        Ring ring;
        std::array<pthread_mutex_t, 2> mutexes{};
    };
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) nz::give_up("mmap");
    auto* shared = new (memory) Shared;
    shared->ring.size = 2;
    for (auto& mutex : shared->mutexes)
        make_mutex(mutex, "shared");
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) nz::give_up("fork");
    if (child == 0) {
        nz::die_with(parent);
        nz::rename_to(name);
        alarm(nz::longest_life_s);
        pthread_mutex_lock(&shared->mutexes[1]);
        shared->ring.all_hold();
        pthread_mutex_lock(&shared->mutexes[0]);
        _exit(0);
    }
    const pid_t tid = nz::in_thread(letter(0), [shared] {
        pthread_mutex_lock(&shared->mutexes[0]);
        shared->ring.all_hold();
        pthread_mutex_lock(&shared->mutexes[1]);
    });
    say_cycle({{parent, tid, &shared->mutexes[1]}, {child, child, &shared->mutexes[0]}});
}

void ring_of_guards() {
    static Ring ring{.size = 2};
    static std::array<std::mutex, 2> mutexes;
    std::vector<Link> links;
    for (std::size_t at = 0; at < 2; ++at) {
        const pid_t tid = nz::in_thread(letter(at), [at] {
            const std::lock_guard own(mutexes[at]);
            ring.all_hold();
            const std::lock_guard next(mutexes[1 - at]);
        });
        links.push_back({getpid(), tid, &mutexes[1 - at]});
    }
    say_cycle(links);
}

void inside_a_library() {
    static Ring ring{.size = 2};
    const std::array<Account*, 2> accounts{open_account(), open_account()};
    std::vector<Link> links;
    for (std::size_t at = 0; at < 2; ++at) {
        const pid_t tid = nz::in_thread(letter(at), [from = accounts[at], to = accounts[1 - at]] {
            transfer(from, to, [](void* all) { static_cast<Ring*>(all)->all_hold(); }, &ring);
        });
        links.push_back({getpid(), tid, lock_of_account(accounts[1 - at])});
    }
    say_cycle(links);
}

void itself() {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const pid_t tid = nz::in_thread(letter(0), [] {
        pthread_mutex_lock(&mutex);
        pthread_mutex_lock(&mutex);
    });
    say_cycle({{getpid(), tid, &mutex}});
}

void writer_and_owner() {
    static Ring ring{.size = 2};
    static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const pid_t writer = nz::in_thread("writer", [] {
        pthread_rwlock_wrlock(&rwlock);
        ring.all_hold();
        pthread_mutex_lock(&mutex);
    });
    const pid_t owner = nz::in_thread("reader", [] {
        pthread_mutex_lock(&mutex);
        ring.all_hold();
        pthread_rwlock_rdlock(&rwlock);
    });
    say_cycle({{getpid(), writer, &mutex}, {getpid(), owner, &rwlock}});
}

void join_under_lock() {
    static Ring ring{.size = 2};
    static std::mutex mutex;
    static std::promise<pid_t> joined;
    auto joined_tid = joined.get_future();
    const pid_t joiner = nz::in_thread("joiner", [] {
        const std::lock_guard own(mutex);
        std::thread waiter([] {
            nz::rename_to("joined");
            joined.set_value(nz::own_tid());
            ring.all_hold();
            const std::lock_guard never(mutex);
        });
        ring.all_hold();
        waiter.join();
    });
    const pid_t waiter = joined_tid.get();
    say_cycle({{getpid(), waiter, &mutex}, {getpid(), joiner, nullptr}});
}

// --- waits that are none ----------------------------------------------------------------------------------------

void say_waiting(const void* lock, pid_t holder, const std::vector<pid_t>& waiters) {
    for (const pid_t waiter : waiters)
        nz::await_in(getpid(), waiter, SYS_futex);
    nz::say(R"({"event": "ready", "pid": %d, "lock": "%p", "holder": %d, "count": %zu, "tid": %d})", getpid(), lock,
            holder, waiters.size(), waiters.empty() ? 0 : waiters.front());
}

// Its child waits until the other end of the pipe says something; so long this thread is in D.
void in_vfork(int until) {
    const pid_t parent = getpid();
    // It is what this is about.
    const pid_t child = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork,bugprone-unsafe-functions)
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(0);
        prctl(PR_SET_NAME, "nz-vforked");
        char byte = 0;
        (void)!read(until, &byte, 1);
        _exit(0);
    }
    waitpid(child, nullptr, 0);
}

void chain(long waiters_wanted, const std::string& how) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static std::atomic<bool> held = false;
    static int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) nz::give_up("pipe");
    const pid_t holder = nz::in_thread("holder", [how] {
        pthread_mutex_lock(&mutex);
        held = true;
        char byte = 0;
        if (how == "vfork") {
            in_vfork(ends[0]);
        } else if (how == "sleep") {
            timespec long_enough{.tv_sec = nz::longest_life_s, .tv_nsec = 0};
            nanosleep(&long_enough, nullptr); // SIGUSR1 ends it
        } else if (how == "read") {
            (void)!read(ends[0], &byte, 1);
        } else {
            pause(); // likewise
        }
        pthread_mutex_unlock(&mutex);
        pause();
    });
    while (!held)
        sched_yield();
    nz::await_state(getpid(), holder, how == "vfork" ? 'D' : 'S');
    std::vector<pid_t> waiters;
    waiters.reserve(static_cast<std::size_t>(waiters_wanted));
    for (long at = 0; at < waiters_wanted; ++at) {
        waiters.push_back(nz::in_thread("waiter", [] {
            pthread_mutex_lock(&mutex);
            pthread_mutex_unlock(&mutex);
            pause();
        }));
    }
    say_waiting(&mutex, holder, waiters);
    std::string line;
    while (nz::read_line(line)) {
        if (line != "release") continue;
        (void)!write(ends[1], "", 1);
        syscall(SYS_tgkill, getpid(), holder, SIGUSR1);
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        nz::say(R"({"event": "released"})");
    }
}

// As if it were a lock, of the simple kind that many runtimes make: 2 is "locked, and somebody waits".
void lost_wakeup() {
    static std::atomic<int> word = 2;
    const pid_t tid = nz::in_thread("waiter", [] {
        while (word == 2)
            syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, nullptr, nullptr, 0);
        pause();
    });
    say_waiting(&word, 0, {tid});
    std::string line;
    while (nz::read_line(line)) {
        if (line != "release") continue;
        word = 0;
        syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr, nullptr, 0);
        nz::say(R"({"event": "released"})");
    }
}

void idle_on(long threads, const std::function<void()>& wait) {
    std::vector<pid_t> tids;
    tids.reserve(static_cast<std::size_t>(threads));
    for (long at = 0; at < threads; ++at)
        tids.push_back(nz::in_thread("idle", wait));
    say_waiting(nullptr, 0, tids);
}

void idle_condvar(long threads) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
    idle_on(threads, [] {
        pthread_mutex_lock(&mutex);
        for (;;)
            pthread_cond_wait(&work, &mutex);
    });
}

void idle_semaphore(long threads) {
    static sem_t work;
    sem_init(&work, 0, 0);
    idle_on(threads, [] {
        for (;;)
            sem_wait(&work);
    });
}

void idle_joiner(long threads) {
    idle_on(threads, [] {
        std::thread worker([] {
            for (;;)
                pause();
        });
        worker.join();
    });
}

// Whoever had it pauses: a mutex of glibc is not fair, and would else be kept by who has it.
void contend(long threads) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static std::vector<std::atomic<long>> taken(static_cast<std::size_t>(threads));
    for (auto& own : taken) {
        nz::in_thread("contender", [count = &own] {
            for (;;) {
                pthread_mutex_lock(&mutex);
                usleep(200);
                ++*count;
                pthread_mutex_unlock(&mutex);
                usleep(1000);
            }
        });
    }
    nz::say(R"({"event": "ready", "pid": %d, "lock": "%p"})", getpid(), static_cast<void*>(&mutex));
    std::string line;
    while (nz::read_line(line)) {
        long total = 0;
        long least = taken.front();
        for (const long count : taken) {
            total += count;
            least = count < least ? count : least;
        }
        nz::say(R"({"event": "count", "total": %ld, "least": %ld})", total, least);
    }
}

void give_up_and_retry() {
    static std::array<pthread_mutex_t, 2> mutexes{{PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER}};
    for (std::size_t at = 0; at < 2; ++at) {
        nz::in_thread(letter(at), [at] {
            for (;;) {
                pthread_mutex_lock(&mutexes[at]);
                timespec until{};
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += 300'000'000L;
                if (until.tv_nsec >= 1'000'000'000L) {
                    until.tv_nsec -= 1'000'000'000L;
                    ++until.tv_sec;
                }
                const int result = pthread_mutex_timedlock(&mutexes[1 - at], &until);
                if (result == 0) pthread_mutex_unlock(&mutexes[1 - at]);
                pthread_mutex_unlock(&mutexes[at]);
                usleep(1000);
            }
        });
    }
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
}

void play(const nz::Scene& scene) {
    const auto& kind = scene.kind;
    const auto threads = [&] { return scene.number(0, "1", most_threads, usage); };
    if (kind == "cycle2" || kind == "recursive" || kind == "errorcheck" || kind == "robust")
        ring_of_mutexes(kind, 2);
    else if (kind == "cycle3")
        ring_of_mutexes(kind, 3);
    else if (kind == "shared")
        ring_of_processes(scene.name);
    else if (kind == "cxx")
        ring_of_guards();
    else if (kind == "library")
        inside_a_library();
    else if (kind == "self")
        itself();
    else if (kind == "rwlock")
        writer_and_owner();
    else if (kind == "join")
        join_under_lock();
    else if (kind == "chain")
        chain(threads(), scene.word(1, "pause"));
    else if (kind == "lost")
        lost_wakeup();
    else if (kind == "condvar")
        idle_condvar(threads());
    else if (kind == "semaphore")
        idle_semaphore(threads());
    else if (kind == "joiner")
        idle_joiner(threads());
    else if (kind == "contend")
        contend(threads());
    else if (kind == "timed")
        give_up_and_retry();
    else
        nz::number_or_usage(nullptr, usage);
}

} // namespace

int main(int argc, char** argv) {
    const nz::Scene scene = nz::scene_from(argc, argv, usage);
    nz::die_with(getppid());
    nz::live_at_most(scene.life);
    nz::rename_to(scene.name);
    struct sigaction action{};
    action.sa_handler = [](int) {}; // ends a pause, no more
    sigaction(SIGUSR1, &action, nullptr);
    play(scene);
    nz::wait_for_end_of_input();
    _exit(0); // what is locked stays so
}
