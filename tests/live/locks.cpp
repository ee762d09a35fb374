// The real glibc: threads that wait for locks of every kind, and who is said to hold them.
#include "app/examiner.hpp"
#include "io/threads.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace nezuban;
using namespace nezuban::test;

namespace {

// What a scene tells the test, in memory that both have.
struct Told {
    std::uint32_t pid = 0; // of who plays it, here; its main thread is the one that holds the lock
    std::uint64_t lock = 0;
};

// The system call of a thread as /proc shows it.
std::optional<Syscall> syscall_of(const std::string& thread) {
    std::ifstream file(thread + "/syscall");
    std::string word;
    if (!(file >> word) || word == "running" || word == "-1") return std::nullopt;
    Syscall call{.number = std::stoll(word), .args = {}};
    for (auto& argument : call.args) {
        if (!(file >> word)) return std::nullopt;
        argument = std::stoull(word, nullptr, 16);
    }
    return call;
}

enum class Where { here, in_a_pid_namespace };

// A process of its own that plays a scene, and then does nothing more until it is ended, with the test at the latest.
class Scene {
public:
    explicit Scene(const std::function<void(Told&)>& play, Where where = Where::here)
        : told_(*new(::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Told),
          child_(::fork()) {
        if (child_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (where == Where::in_a_pid_namespace) {
            if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
            const pid_t inner = ::fork(); // pid 1 there
            if (inner != 0) {
                told_.pid = static_cast<std::uint32_t>(inner);
                ::waitpid(inner, nullptr, 0);
                ::_exit(0);
            }
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        } else {
            told_.pid = static_cast<std::uint32_t>(::getpid());
        }
        play(told_);
        for (;;)
            ::pause();
    }
    ~Scene() {
        // Of two the inner one: the outer one takes its death for its own cue.
        ::kill(told_.pid != 0 ? static_cast<pid_t>(told_.pid) : child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        ::munmap(&told_, sizeof(Told));
    }
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;

    [[nodiscard]] const Told& told() const {
        return told_;
    }
    // Its waiting threads, completed, when there are so many. No event tells that a thread has gone to sleep, so this
    // looks again and again; and only what was the same before and after counts, because a waiter may just be on its
    // way.
    [[nodiscard]] std::vector<ThreadWait> await(std::size_t count) const {
        for (const auto deadline = after(); Clock::now() < deadline; ::sched_yield()) {
            auto scan = look();
            if (scan.threads.size() < count) continue;
            complete_blocking(scan, {});
            const auto again = look();
            if (std::ranges::equal(scan.threads, again.threads, {}, &ThreadWait::syscall, &ThreadWait::syscall))
                return scan.threads;
        }
        throw std::runtime_error("nobody went to sleep");
    }

private:
    [[nodiscard]] WaitScan look() const {
        WaitScan scan;
        const auto process = "/proc/" + std::to_string(told_.pid);
        struct stat info{};
        if (told_.pid == 0 || ::stat((process + "/ns/pid").c_str(), &info) != 0) return scan;
        for (const auto& [inside, tid] : threads_of(told_.pid)) {
            const auto call = syscall_of(process + "/task/" + std::to_string(tid));
            if (!call || call->number != SYS_futex) continue;
            ThreadWait wait;
            wait.process = {.pid = told_.pid, .start_ns = 1};
            wait.thread = {.tid = tid, .start_ns = 1};
            wait.in_namespace = inside;
            wait.pid_namespace = info.st_ino;
            wait.syscall = call;
            scan.threads.push_back(std::move(wait));
        }
        return scan;
    }

    Told& told_;
    pid_t child_ = 0;
};

// What the one waiter of the scene waits for.
LockWait only_lock(const Scene& scene) {
    const auto threads = scene.await(1);
    REQUIRE(threads.size() == 1);
    REQUIRE(threads[0].lock);
    return *threads[0].lock;
}
void check_owned(const Scene& scene, LockKind kind, bool shared = false) {
    const auto lock = only_lock(scene);
    CHECK(lock.kind == kind);
    CHECK(lock.address == scene.told().lock);
    CHECK(lock.owner_tid == scene.told().pid);
    CHECK(lock.owner_pid == scene.told().pid);
    CHECK(lock.shared == shared);
}

// The main thread takes it, another one waits.
template <typename Lock> void contend(Told& told, Lock& lock, const std::function<void()>& take) {
    told.lock = reinterpret_cast<std::uint64_t>(&lock);
    take();
    std::thread(take).detach();
}

using Attributes = pthread_mutexattr_t;

std::function<void(Told&)> mutex_of(const std::function<void(Attributes&)>& make) {
    return [make](Told& told) {
        static pthread_mutex_t mutex;
        Attributes attributes{};
        ::pthread_mutexattr_init(&attributes);
        make(attributes);
        ::pthread_mutex_init(&mutex, &attributes);
        contend(told, mutex, [] { ::pthread_mutex_lock(&mutex); });
    };
}
std::function<void(Told&)> mutex_of_type(int type) {
    return mutex_of([type](Attributes& attributes) { ::pthread_mutexattr_settype(&attributes, type); });
}

std::uint64_t there(const void* place) {
    return reinterpret_cast<std::uint64_t>(place);
}

} // namespace

TEST_CASE("a mutex of every type names the thread that holds it") {
    for (const int type : std::array<int, 4>{PTHREAD_MUTEX_DEFAULT, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
                                             PTHREAD_MUTEX_ADAPTIVE_NP}) {
        CAPTURE(type);
        check_owned(Scene(mutex_of_type(type)), LockKind::mutex);
    }
    // Asked for by name, the plain one has another number in its kind.
    check_owned(Scene(mutex_of_type(PTHREAD_MUTEX_NORMAL)), LockKind::mutex);
    check_owned(Scene(mutex_of([](Attributes&) {})), LockKind::mutex);
}

TEST_CASE("so do mutexes between processes, robust ones and those that pass on priority") {
    check_owned(Scene(mutex_of([](Attributes& attributes) {
                    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
                })),
                LockKind::mutex, true);
    check_owned(Scene(mutex_of(
                    [](Attributes& attributes) { ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST); })),
                LockKind::robust);
    check_owned(Scene(mutex_of([](Attributes& attributes) {
                    ::pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
                })),
                LockKind::pi);
}

TEST_CASE("so do the mutexes of C++, with a time limit and without") {
    check_owned(Scene([](Told& told) {
                    static std::mutex mutex;
                    contend(told, mutex, [] { mutex.lock(); });
                }),
                LockKind::mutex);
    check_owned(Scene([](Told& told) {
                    static std::recursive_mutex mutex;
                    contend(told, mutex, [] { mutex.lock(); });
                }),
                LockKind::mutex);
    check_owned(Scene([](Told& told) {
                    static std::timed_mutex mutex;
                    contend(told, mutex, [] { (void)mutex.try_lock_for(std::chrono::hours(1)); });
                }),
                LockKind::mutex);
}

TEST_CASE("who locks a plain mutex twice waits for itself") {
    check_owned(Scene([](Told& told) {
                    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
                    told.lock = there(&mutex);
                    ::pthread_mutex_lock(&mutex);
                    ::pthread_mutex_lock(&mutex);
                }),
                LockKind::mutex);
}

TEST_CASE("two mutexes in opposite order are a cycle of two") {
    const Scene scene([](Told&) {
        static std::mutex first;
        static std::mutex second;
        static std::atomic<int> holding = 0;
        const auto meet = [] {
            for (++holding; holding < 2;)
                ::sched_yield();
        };
        first.lock();
        std::thread([&] {
            second.lock();
            meet();
            first.lock();
        }).detach();
        meet();
        second.lock();
    });
    const auto threads = scene.await(2);
    REQUIRE(threads.size() == 2);
    REQUIRE(threads[0].lock);
    REQUIRE(threads[1].lock);
    CHECK(threads[0].lock->owner_tid == threads[1].thread.tid);
    CHECK(threads[1].lock->owner_tid == threads[0].thread.tid);
    CHECK(threads[0].lock->address != threads[1].lock->address);
}

TEST_CASE("a mutex at the very beginning of mapped memory is read as well as any") {
    check_owned(Scene([](Told& told) {
                    static pthread_mutex_t* mutex = nullptr;
                    auto* pages = static_cast<char*>(
                        ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                    ::munmap(pages, 4096);
                    mutex = new (pages + 4096) pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
                    contend(told, *mutex, [] { ::pthread_mutex_lock(mutex); });
                }),
                LockKind::mutex);
}

TEST_CASE("a mutex whose owner ended without letting it go is nobody's") {
    const Scene scene([](Told&) {
        static std::mutex mutex;
        static std::atomic<bool> locked = false;
        std::thread([] {
            mutex.lock();
            locked = true;
        }).detach();
        const auto self = static_cast<std::uint32_t>(::getpid());
        while (!locked || threads_of(self).size() > 1) // not joined: that would be a wait as well
            ::sched_yield();
        mutex.lock();
    });
    const auto lock = only_lock(scene);
    CHECK(lock.kind == LockKind::unknown);
    CHECK(lock.owner_tid == 0);
}

TEST_CASE("an rwlock names its writer, to readers and to other writers") {
    for (const bool writing : {false, true}) {
        CAPTURE(writing);
        check_owned(Scene([writing](Told& told) {
                        static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
                        told.lock = there(&lock);
                        ::pthread_rwlock_wrlock(&lock);
                        std::thread([writing] {
                            writing ? ::pthread_rwlock_wrlock(&lock) : ::pthread_rwlock_rdlock(&lock);
                        }).detach();
                    }),
                    LockKind::rwlock);
    }
}

TEST_CASE("an rwlock that is read by two tells every writer so, and no owner") {
    const Scene scene([](Told& told) {
        static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
        told.lock = there(&lock);
        ::pthread_rwlock_rdlock(&lock);
        std::thread([] { ::pthread_rwlock_rdlock(&lock); }).join();
        for (int i = 0; i < 2; ++i)
            std::thread([] { ::pthread_rwlock_wrlock(&lock); }).detach();
    });
    for (const auto& thread : scene.await(2)) {
        REQUIRE(thread.lock);
        CHECK(thread.lock->kind == LockKind::rwlock);
        CHECK(thread.lock->address == scene.told().lock);
        CHECK(thread.lock->readers == 2);
        CHECK(thread.lock->owner_tid == 0);
    }
}

TEST_CASE("a join waits for the thread that it joins") {
    const Scene scene([](Told&) {
        std::thread([] {
            for (;;)
                ::pause();
        }).join();
    });
    const auto lock = only_lock(scene);
    CHECK(lock.kind == LockKind::join);
    CHECK(lock.owner_pid == scene.told().pid);
    CHECK(lock.owner_tid != scene.told().pid);
    CHECK(process_of(lock.owner_tid) == scene.told().pid);
}

TEST_CASE("who waits for work waits for no lock") {
    const auto never_looked_at = [](const Scene& scene) {
        const auto threads = scene.await(1);
        CHECK_FALSE(threads.at(0).lock);
    };
    never_looked_at(Scene([](Told&) {
        static std::mutex mutex;
        static std::condition_variable condition;
        std::unique_lock held(mutex);
        condition.wait(held);
    }));
    never_looked_at(Scene([](Told&) {
        static std::condition_variable condition;
        static std::mutex mutex;
        std::unique_lock held(mutex);
        (void)condition.wait_for(held, std::chrono::hours(1));
    }));
    never_looked_at(Scene([](Told&) {
        static sem_t semaphore;
        ::sem_init(&semaphore, 0, 0);
        ::sem_wait(&semaphore);
    }));
    never_looked_at(Scene([](Told&) {
        static pthread_barrier_t barrier;
        ::pthread_barrier_init(&barrier, nullptr, 2);
        ::pthread_barrier_wait(&barrier);
    }));
}

TEST_CASE("a futex of another make has no owner, whatever its number is") {
    for (const std::uint32_t value : {1U, 2U, 3U, 0x8000'0001U, 0xffff'ffffU}) {
        for (const int op : {0x80, 0x89, 0, 9}) {
            CAPTURE(value);
            CAPTURE(op);
            const Scene scene([&](Told& told) {
                static std::array<std::uint32_t, 32> words{};
                words.fill(told.pid); // the worst that a neighbourhood can be
                words[16] = value;
                ::syscall(SYS_futex, &words[16], op, value, nullptr, nullptr, ~0U);
            });
            const auto threads = scene.await(1);
            if (threads.at(0).lock) {
                CHECK(threads[0].lock->kind == LockKind::unknown);
                CHECK(threads[0].lock->owner_tid == 0);
            }
        }
    }
}

TEST_CASE("the owner is found in a pid namespace of its own, too") {
    if (::geteuid() != 0) SKIP("a pid namespace needs root");
    check_owned(Scene(mutex_of([](Attributes&) {}), Where::in_a_pid_namespace), LockKind::mutex);
    const Scene joining(
        [](Told&) {
            std::thread([] {
                for (;;)
                    ::pause();
            }).join();
        },
        Where::in_a_pid_namespace);
    const auto lock = only_lock(joining);
    CHECK(lock.kind == LockKind::join);
    CHECK(process_of(lock.owner_tid) == joining.told().pid);
}
