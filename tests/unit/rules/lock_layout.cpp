#include "rules/lock_layout.hpp"

#include <array>
#include <cstring>
#include <string>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

#if defined(__x86_64__)
constexpr std::int64_t futex = 202;
#else
constexpr std::int64_t futex = 98;
#endif
constexpr std::uint64_t word = 0x7f00'1000; // its address
constexpr std::uint32_t waiter = 101;
constexpr std::uint32_t other = 102;   // of the same process
constexpr std::uint32_t strange = 201; // of another one
constexpr std::uint64_t a_pointer = 0x7fc1'237c'ca20;

// 64 bytes with the futex word in the middle, as a program has them.
struct Memory {
    std::array<char, 64> bytes{};

    Memory& put(int offset, std::uint32_t value) {
        std::memcpy(bytes.data() + 16 + offset, &value, sizeof value);
        return *this;
    }
    Memory& put_long(int offset, std::uint64_t value) {
        std::memcpy(bytes.data() + 16 + offset, &value, sizeof value);
        return *this;
    }
    [[nodiscard]] std::string wide() const {
        return {bytes.data(), bytes.size()};
    }
    [[nodiscard]] std::string narrow() const {
        return {bytes.data() + 16, 40};
    }
};

ThreadWait waiting(std::uint32_t op, std::uint32_t expected, std::uint64_t timeout = 0) {
    ThreadWait wait;
    wait.process = {.pid = 100, .start_ns = 1};
    wait.thread = {.tid = waiter, .start_ns = 2};
    wait.syscall = Syscall{.number = futex, .args = {word, op, expected, timeout, 0, 0}};
    return wait;
}

// The namespace of the program is one of its own: 1, 2, 3 there are 100, 101, 102 and so on.
std::optional<Owner> find_owner(std::uint32_t tid) {
    if (tid >= 1 && tid <= 20) return Owner{.tid = 99 + tid, .pid = 100};
    if (tid == 50) return Owner{.tid = strange, .pid = 200};
    return std::nullopt;
}
constexpr std::uint32_t waiter_inside = 2;
constexpr std::uint32_t other_inside = 3;
constexpr std::uint32_t strange_inside = 50;
constexpr std::uint32_t dead_inside = 77;

LockWait look(const ThreadWait& wait, const Memory& memory) {
    return lock_of(wait, memory.wide(), find_owner);
}
void check_unknown(const LockWait& lock) {
    CHECK(lock.address == word);
    CHECK(lock.kind == LockKind::unknown);
    CHECK(lock.owner_tid == 0);
    CHECK(lock.owner_pid == 0);
}

// As glibc 2.36 leaves them behind; the numbers were read out of real programs.
Memory mutex(std::uint32_t owner = other_inside, std::uint32_t kind = 0) {
    Memory memory;
    memory.put(0, 2).put(8, owner).put(12, 1).put(16, kind);
    if ((kind & 3U) == 1) memory.put(4, 1);
    // What happens to lie around it is no business of the mutex.
    memory.put_long(-16, a_pointer).put_long(-8, 0x1234'5678'9abc'def0).put_long(40, a_pointer);
    return memory;
}
const ThreadWait for_mutex = waiting(0x80, 2);

Memory robust_mutex(std::uint32_t owner = other_inside) {
    Memory memory;
    memory.put(0, owner | 0x8000'0000U).put(4, 1).put(8, owner).put(12, 1).put(16, 0x90);
    return memory.put_long(24, a_pointer).put_long(32, a_pointer);
}
ThreadWait for_robust(std::uint32_t owner = other_inside) {
    return waiting(0, owner | 0x8000'0000U);
}

// offset: of the word that is waited on.
Memory rwlock(int offset, std::uint32_t state, std::uint32_t phase, std::uint32_t writers, std::uint32_t writer) {
    Memory memory;
    return memory.put(-offset, state).put(8 - offset, phase).put(12 - offset, writers).put(24 - offset, writer);
}
ThreadWait for_rwlock(std::uint32_t expected) {
    return waiting(0x189, expected);
}

Memory descriptor(std::uint32_t tid = other_inside) {
    Memory memory;
    memory.put_long(-16, a_pointer).put_long(-8, a_pointer).put(0, tid).put_long(8, word + 16).put_long(16, word + 16);
    return memory.put_long(24, static_cast<std::uint64_t>(-32));
}
ThreadWait for_join(std::uint32_t tid = other_inside) {
    return waiting(0x109, tid);
}

} // namespace

TEST_CASE("only a futex wait that may be one for a lock is looked at, 64 bytes around its word") {
    const auto bytes = lock_bytes_of(for_mutex);
    REQUIRE(bytes);
    CHECK(bytes->address == word - 16);
    CHECK(bytes->size == 64);
    CHECK(fewer_lock_bytes(*bytes).address == word);
    CHECK(fewer_lock_bytes(*bytes).size == 40);
    for (const auto& wait : {waiting(0x80, 2, 1), waiting(0, 2), waiting(0x189, 2, 1), for_robust(), for_rwlock(2),
                             for_rwlock(3), for_join(), waiting(0x86, 0), waiting(0x8d, 0)})
        CHECK(lock_bytes_of(wait));
}

TEST_CASE("what is no wait for a lock is not looked at") {
    CHECK_FALSE(lock_bytes_of(ThreadWait{})); // in no system call
    auto compat = for_mutex;
    compat.syscall->compat = true;
    CHECK_FALSE(lock_bytes_of(compat));
    auto reading = for_mutex;
    reading.syscall->number = futex + 1;
    CHECK_FALSE(lock_bytes_of(reading));
    auto crooked = for_mutex;
    crooked.syscall->args[0] = word + 2;
    CHECK_FALSE(lock_bytes_of(crooked));
    auto nowhere = for_mutex;
    nowhere.syscall->args[0] = 8;
    CHECK_FALSE(lock_bytes_of(nowhere));
    CHECK_FALSE(lock_bytes_of(waiting(0x189, 0))); // condition variable, semaphore
    CHECK_FALSE(lock_bytes_of(waiting(0x80, 0)));
    CHECK_FALSE(lock_bytes_of(waiting(0x80, 1)));
    CHECK_FALSE(lock_bytes_of(waiting(0x89, 0x7fff'fffd)));
    CHECK_FALSE(lock_bytes_of(waiting(0x8b, 2))); // a condition variable that passes on a PI mutex
    CHECK_FALSE(lock_bytes_of(waiting(0x81, 2))); // it wakes
    check_unknown(lock_of(waiting(0x80, 1), mutex().wide(), find_owner));
}

TEST_CASE("a mutex of every type names its owner") {
    for (const std::uint32_t kind : {0x0U, 0x1U, 0x2U, 0x3U, 0x100U, 0x200U}) {
        CAPTURE(kind);
        const auto lock = look(for_mutex, mutex(other_inside, kind));
        CHECK(lock.kind == LockKind::mutex);
        CHECK(lock.address == word);
        CHECK(lock.owner_tid == other);
        CHECK(lock.owner_pid == 100);
        CHECK_FALSE(lock.shared);
        CHECK(lock == lock_of(for_mutex, mutex(other_inside, kind).narrow(), find_owner));
    }
    CHECK(look(waiting(0x189, 2, 0x7fff'0000), mutex()).owner_tid == other); // pthread_mutex_timedlock
    CHECK(look(for_mutex, mutex().put(12, 3)).owner_tid == other);           // two wait on a condition with it
    CHECK(look(for_mutex, mutex(other_inside, 1).put(4, 7)).owner_tid == other);
}

TEST_CASE("who waits for a lock that it holds itself is its owner") {
    CHECK(look(for_mutex, mutex(waiter_inside)).owner_tid == waiter);
}

TEST_CASE("a lock between processes may be held by another process, a private one may not") {
    const auto lock = look(waiting(0, 2), mutex(strange_inside, 0x80));
    CHECK(lock.owner_tid == strange);
    CHECK(lock.owner_pid == 200);
    CHECK(lock.shared);
    check_unknown(look(for_mutex, mutex(strange_inside)));
    check_unknown(look(for_mutex, mutex(other_inside, 0x80))); // shared by its kind, private to the kernel
    check_unknown(look(waiting(0, 2), mutex(other_inside, 0)));
}

TEST_CASE("a mutex with a priority ceiling has it in its word") {
    const std::uint32_t ceiling = (10U << 19U) | 2U;
    CHECK(look(waiting(0x80, ceiling), mutex(other_inside, 0x40).put(0, ceiling)).owner_tid == other);
    check_unknown(look(waiting(0x80, ceiling), mutex().put(0, ceiling)));
}

TEST_CASE("a mutex whose owner is dead, unknown or between two owners has none") {
    check_unknown(look(for_mutex, mutex(dead_inside)));
    check_unknown(look(for_mutex, mutex(0)));
    check_unknown(look(for_mutex, mutex().put(0, 1))); // taken anew: the waiter is about to wake
    check_unknown(look(for_mutex, mutex().put(0, 0)));
}

TEST_CASE("somebody else's lock with a 2 in its word has no owner, whatever lies behind it") {
    // Rust: the same word and the user's data, waited on with a bitset and without a time-out.
    check_unknown(look(waiting(0x89, 2), mutex()));
    check_unknown(look(waiting(0x89, 2), Memory().put(0, 2).put(8, other_inside).put(12, 1)));
    // Go's runtime lock and others that wait as glibc does: each field that glibc would have written differently.
    check_unknown(look(for_mutex, mutex().put(4, 1)));                // count of a type that doesn't count
    check_unknown(look(for_mutex, mutex(other_inside, 1).put(4, 0))); // none of one that does
    check_unknown(look(for_mutex, mutex().put(12, 0)));               // an owner without a user
    check_unknown(look(for_mutex, mutex().put(12, 0x237c'ca20)));     // half a pointer
    check_unknown(look(for_mutex, mutex(other_inside, 0x4)));         // a kind that there isn't
    check_unknown(look(for_mutex, mutex(other_inside, 0x7fc1)));
    check_unknown(look(for_mutex, mutex(other_inside, 0x10))); // robust ones have another word
    check_unknown(look(for_mutex, mutex(other_inside, 0x20)));
    check_unknown(look(for_mutex, mutex().put_long(24, a_pointer))); // in a list in which only robust ones are
    check_unknown(look(for_mutex, mutex().put_long(32, 1)));
    check_unknown(look(for_mutex, Memory().put(0, 2)));
    // One bit of the word's neighbourhood at a time: none may change the owner to somebody else.
    for (int bit = 0; bit < 40 * 8; ++bit) {
        auto memory = mutex();
        memory.bytes.at(static_cast<std::size_t>(16 + bit / 8)) ^= static_cast<char>(1 << (bit % 8));
        const bool in_owner = bit / 32 == 2;
        const auto lock = look(for_mutex, memory);
        if (!in_owner) CHECK((lock.owner_tid == 0 || lock.owner_tid == other));
    }
}

TEST_CASE("nothing is concluded from bytes of another number") {
    check_unknown(lock_of(for_mutex, "", find_owner));
    check_unknown(lock_of(for_mutex, mutex().narrow().substr(0, 39), find_owner));
    check_unknown(lock_of(for_mutex, mutex().wide() + "x", find_owner));
    CHECK(lock_of(ThreadWait{}, mutex().wide(), find_owner) == LockWait{});
}

TEST_CASE("a robust mutex names its owner in the word, and again where glibc keeps it") {
    const auto lock = look(for_robust(), robust_mutex());
    CHECK(lock.kind == LockKind::robust);
    CHECK(lock.owner_tid == other);
    CHECK_FALSE(lock.shared);
    CHECK(look(for_robust(strange_inside), robust_mutex(strange_inside)).shared);
    check_unknown(look(for_robust(dead_inside), robust_mutex(dead_inside)));
    check_unknown(look(for_robust(), robust_mutex().put(8, waiter_inside)));
    check_unknown(look(for_robust(), robust_mutex().put_long(32, 0)));
    check_unknown(look(for_robust(), robust_mutex().put(12, 0)));
}

TEST_CASE("a robust lock whose owner has died has none") {
    const std::uint32_t orphan = other_inside | 0xc000'0000U;
    check_unknown(look(waiting(0, orphan), robust_mutex().put(0, orphan)));
}

TEST_CASE("a counter with its highest bit set is nobody's tid") {
    // Qt's semaphore: how many wait, and a flag; Rust's rwlock: how many read, and a flag.
    const std::uint32_t count = other_inside | 0x8000'0000U;
    check_unknown(look(waiting(0x80, count), Memory().put(0, count)));
    check_unknown(look(waiting(0x89, count), Memory().put(0, count).put(-4, 1).put(4, 1)));
    check_unknown(look(waiting(0x80, 0xffff'ffff), Memory().put(0, 0xffff'ffff)));
}

TEST_CASE("musl's mutexes name their owner, but for the plain one, which keeps a constant that looks like a tid") {
    const std::uint32_t held = other_inside | 0x8000'0000U;
    const auto recursive = Memory().put(-4, 1).put(0, held).put(4, 1);
    const auto lock = look(waiting(0x80, held), recursive);
    CHECK(lock.kind == LockKind::robust);
    CHECK(lock.address == word - 4);
    CHECK(lock.owner_tid == other);
    CHECK(look(waiting(0, held), Memory(recursive).put(-4, 0x81)).shared);
    check_unknown(look(waiting(0x80, held), Memory(recursive).put(-4, 0x81)));
    check_unknown(look(waiting(0x80, held), Memory(recursive).put(4, 0)));
    check_unknown(look(waiting(0x80, held), Memory(recursive).put(-4, 0x41)));
    check_unknown(lock_of(waiting(0x80, held), recursive.narrow(), find_owner));

    const std::uint32_t plain = 16 | 0x8000'0000U;
    REQUIRE(find_owner(16));
    check_unknown(look(waiting(0x80, plain), Memory().put(-4, 0).put(0, plain).put(4, 1)));
}

TEST_CASE("a priority-inheriting lock is the kernel's own affair: its word is believed") {
    const auto held = Memory().put(0, other_inside | 0x8000'0000U);
    for (const std::uint32_t op : {0x86U, 0x8dU, 0x186U}) {
        const auto lock = look(waiting(op, 0), held);
        CHECK(lock.kind == LockKind::pi);
        CHECK(lock.owner_tid == other);
        CHECK_FALSE(lock.shared);
    }
    const auto shared = look(waiting(6, 0), Memory().put(0, strange_inside | 0x8000'0000U));
    CHECK(shared.owner_tid == strange);
    CHECK(shared.shared);
    CHECK(look(waiting(0x86, 0), Memory().put(0, other_inside)).owner_tid == 0); // nobody waits, says the word
    CHECK(look(waiting(0x86, 0), Memory().put(0, other_inside | 0xc000'0000U)).owner_tid == 0);
    CHECK(look(waiting(0x86, 0), Memory().put(0, dead_inside | 0x8000'0000U)).owner_tid == 0);
}

TEST_CASE("an rwlock that a writer holds names it, to readers and to other writers") {
    const auto to_reader = look(for_rwlock(3), rwlock(8, 0xb, 3, 1, other_inside));
    CHECK(to_reader.kind == LockKind::rwlock);
    CHECK(to_reader.address == word - 8);
    CHECK(to_reader.owner_tid == other);
    CHECK(to_reader.readers == 0);
    const auto to_writer = look(for_rwlock(3), rwlock(12, 0x3, 1, 3, other_inside));
    CHECK(to_writer.kind == LockKind::rwlock);
    CHECK(to_writer.address == word - 12);
    CHECK(to_writer.owner_tid == other);
}

TEST_CASE("an rwlock that readers hold tells how many, not who") {
    const auto first = look(for_rwlock(2), rwlock(8, 0x12, 2, 1, 0));
    CHECK(first.kind == LockKind::rwlock);
    CHECK(first.address == word - 8);
    CHECK(first.readers == 2);
    CHECK(first.owner_tid == 0);
    const auto second = look(for_rwlock(3), rwlock(12, 0x12, 2, 3, 0));
    CHECK(second.kind == LockKind::rwlock);
    CHECK(second.readers == 2);
}

TEST_CASE("what only resembles an rwlock is unknown") {
    const auto good = rwlock(8, 0xb, 3, 1, other_inside);
    check_unknown(look(waiting(0x80, 3), good));                 // glibc waits for them with a bitset
    check_unknown(look(waiting(0x109, 3), good));                // shared to the kernel, private by itself
    check_unknown(look(for_rwlock(3), Memory(good).put(20, 1))); // private to the kernel, shared by itself
    check_unknown(look(for_rwlock(3), Memory(good).put(8, 1)));  // not empty where it is
    check_unknown(look(for_rwlock(3), Memory(good).put(36, 1)));
    check_unknown(look(for_rwlock(3), Memory(good).put(40, 3)));   // a flag that there isn't
    check_unknown(look(for_rwlock(3), Memory(good).put(-8, 0x9))); // nobody has announced to write
    check_unknown(look(for_rwlock(3), Memory(good).put(16, dead_inside)));
    check_unknown(look(for_rwlock(3), Memory(good).put(16, strange_inside)));
    check_unknown(look(for_rwlock(3), rwlock(8, 0x12, 3, 1, 0))); // on its way from one phase to the other
    check_unknown(look(for_rwlock(2), rwlock(8, 0x2, 2, 1, 0)));  // no reader is left
    check_unknown(look(for_rwlock(2), rwlock(8, 0x12, 2, 1, other_inside)));
    check_unknown(look(for_rwlock(2), Memory().put(0, 2))); // Rust's mutex
    check_unknown(look(for_rwlock(3), Memory().put(0, 3))); // Qt's
    check_unknown(lock_of(for_rwlock(3), good.narrow(), find_owner));
}

TEST_CASE("a join waits for the thread itself") {
    const auto lock = look(for_join(), descriptor());
    CHECK(lock.kind == LockKind::join);
    CHECK(lock.owner_tid == other);
    CHECK(lock.owner_pid == 100);
    CHECK(look(waiting(0, other_inside), descriptor()).kind == LockKind::join); // up to glibc 2.30
    // Held robust mutexes hang on the list.
    CHECK(look(for_join(), descriptor().put_long(8, a_pointer).put_long(16, a_pointer)).kind == LockKind::join);
}

TEST_CASE("a number that is somebody's tid is no join unless it lies in a thread's descriptor") {
    check_unknown(look(for_join(), Memory().put(0, other_inside)));
    check_unknown(look(for_join(), descriptor().put_long(24, 32)));
    check_unknown(look(for_join(), descriptor().put_long(16, 0)));
    check_unknown(look(for_join(waiter_inside), descriptor(waiter_inside))); // nobody joins itself
    check_unknown(look(for_join(dead_inside), descriptor(dead_inside)));
    check_unknown(look(for_join(strange_inside), descriptor(strange_inside)));
    check_unknown(look(for_join(), descriptor(waiter_inside)));
    check_unknown(look(waiting(0x189, other_inside), descriptor())); // glibc never waits for it privately
    check_unknown(lock_of(for_join(), descriptor().narrow(), find_owner));
}
