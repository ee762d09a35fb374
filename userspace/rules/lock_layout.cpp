#include "rules/lock_layout.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace nezuban {

namespace {

// Part of the system call ABI; <sys/syscall.h> is not for pure code.
#if defined(__x86_64__)
constexpr std::int64_t futex_number = 202;
#else
constexpr std::int64_t futex_number = 98; // arm64, and all architectures younger than that
#endif

constexpr std::uint32_t op_wait = 0;
constexpr std::uint32_t op_lock_pi = 6;
constexpr std::uint32_t op_wait_bitset = 9;
constexpr std::uint32_t op_lock_pi2 = 13;
constexpr std::uint32_t op_private = 0x80;
constexpr std::uint32_t op_realtime = 0x100;

// The protocol of robust and PI futexes, which the kernel itself knows.
constexpr std::uint32_t word_waiters = 0x8000'0000;
constexpr std::uint32_t word_owner_died = 0x4000'0000;
constexpr std::uint32_t word_tid = 0x3fff'ffff;

constexpr std::uint32_t contended = 2;                // glibc's mutex: locked, and somebody may be waiting
constexpr std::uint32_t below_the_ceiling = 0x7'ffff; // of a PRIO_PROTECT mutex: its priority is above these bits
constexpr std::uint32_t most_users = 1U << 22U;       // as many threads as Linux can have
constexpr std::uint64_t lowest_address = 4096;

// What is read: from 16 bytes before the word, which takes in an rwlock on both sides of the two words it waits on, and
// the head of a thread's descriptor around its tid. Less when that is not to be had: a mutex begins with its word.
constexpr std::uint64_t before = 16;
constexpr std::uint32_t wide = 64;
constexpr std::uint32_t narrow = 40;

struct Futex {
    std::uint64_t address = 0;
    std::uint32_t command = 0;
    std::uint32_t expected = 0;
    bool is_private = false;
    bool timed = false;
};

std::optional<Futex> futex_of(const ThreadWait& wait) {
    if (!wait.syscall || wait.syscall->compat || wait.syscall->number != futex_number) return std::nullopt;
    const auto& args = wait.syscall->args;
    const auto op = static_cast<std::uint32_t>(args[1]);
    return Futex{.address = args[0],
                 .command = op & ~(op_private | op_realtime),
                 .expected = static_cast<std::uint32_t>(args[2]),
                 .is_private = (op & op_private) != 0,
                 .timed = args[3] != 0};
}

bool passed_on_by_kernel(const Futex& futex) {
    return futex.command == op_lock_pi || futex.command == op_lock_pi2;
}

// Only what some lock of ours would wait for: a condition variable or semaphore (0) costs no look at all.
bool may_be_lock(const Futex& futex) {
    if (futex.address % sizeof(std::uint32_t) != 0 || futex.address < lowest_address) return false;
    if (passed_on_by_kernel(futex)) return true;
    if (futex.command != op_wait && futex.command != op_wait_bitset) return false;
    const bool word_names_owner = (futex.expected & word_waiters) != 0 && (futex.expected & word_tid) != 0;
    const bool rwlock = futex.command == op_wait_bitset && futex.expected == 3;
    const bool join = !futex.is_private && futex.expected != 0;
    return (futex.expected & below_the_ceiling) == contended || word_names_owner || rwlock || join;
}

// The bytes with an origin: at(0) is the futex word.
class Memory {
public:
    Memory(std::string_view bytes, std::size_t origin) : bytes_(bytes), origin_(origin) {}

    [[nodiscard]] bool has(std::ptrdiff_t offset, std::size_t size) const {
        const auto first = static_cast<std::ptrdiff_t>(origin_) + offset;
        return first >= 0 && static_cast<std::size_t>(first) + size <= bytes_.size();
    }
    // Zero where nothing was read: whoever cares asks has() first.
    [[nodiscard]] std::uint32_t at(std::ptrdiff_t offset) const {
        return number<std::uint32_t>(offset);
    }
    [[nodiscard]] std::uint64_t long_at(std::ptrdiff_t offset) const {
        return number<std::uint64_t>(offset);
    }

private:
    template <typename Number> [[nodiscard]] Number number(std::ptrdiff_t offset) const {
        Number value = 0;
        if (!has(offset, sizeof value)) return value;
        const auto first = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(origin_) + offset);
        std::memcpy(&value, bytes_.data() + first, sizeof value);
        return value;
    }

    std::string_view bytes_;
    std::size_t origin_;
};

class Look {
public:
    Look(const ThreadWait& wait, const Futex& futex, Memory memory, const FindOwner& find_owner)
        : wait_(wait), futex_(futex), memory_(memory), find_owner_(find_owner) {}

    [[nodiscard]] LockWait result() const {
        if (passed_on_by_kernel(futex_)) return pi();
        // Changed since: the thread is about to wake up, or was never to sleep.
        if (memory_.at(0) == futex_.expected) {
            for (const auto& found :
                 {glibc_mutex(), glibc_robust(), musl_mutex(), rwlock_phase(), rwlock_writers(), join()})
                if (found) return *found;
        }
        return {.address = futex_.address, .shared = !futex_.is_private};
    }

private:
    [[nodiscard]] std::optional<Owner> owner(std::uint32_t tid, bool shared) const {
        if (tid == 0) return std::nullopt;
        auto found = find_owner_(tid);
        if (found && !shared && found->pid != wait_.process.pid) return std::nullopt;
        return found;
    }
    [[nodiscard]] static LockWait owned(std::uint64_t address, LockKind kind, bool shared, const Owner& owner) {
        return {.address = address, .kind = kind, .shared = shared, .owner_tid = owner.tid, .owner_pid = owner.pid};
    }

    // The kernel refuses to wait unless the word is the tid of a thread that lives: no layout has to be guessed.
    [[nodiscard]] LockWait pi() const {
        const auto word = memory_.at(0);
        const bool held = (word & word_waiters) != 0 && (word & word_owner_died) == 0;
        const auto found = held ? owner(word & word_tid, !futex_.is_private) : std::nullopt;
        return owned(futex_.address, LockKind::pi, !futex_.is_private, found.value_or(Owner{}));
    }

    // pthread_mutex_t on x86_64 and arm64: lock, count, owner, nusers, kind, (spins), list of robust ones.
    enum Kind : std::uint32_t {
        type_mask = 0x3,
        recursive = 1,
        robust = 0x10,
        inherits = 0x20,
        protects = 0x40,
        process_shared = 0x80,
        known_kind =
            type_mask | robust | inherits | protects | process_shared | 0x100 | 0x200, // with and without elision
    };
    [[nodiscard]] bool glibc_shape() const {
        const auto users = memory_.at(12);
        return memory_.has(0, narrow) && users >= 1 && users <= most_users && (memory_.at(16) & ~known_kind) == 0;
    }

    // Rust's, Go's and everybody's own locks have the 2 in common with this one, and the user's data behind it. Of
    // those 40 bytes two thirds have to be what only glibc writes; and glibc waits without a bitset, unless there is a
    // time-out.
    [[nodiscard]] std::optional<LockWait> glibc_mutex() const {
        const auto kind = memory_.at(16);
        const bool ceiling = (kind & protects) != 0;
        const bool shared = (kind & process_shared) != 0;
        if (!glibc_shape() || (kind & (robust | inherits)) != 0 || shared == futex_.is_private) return std::nullopt;
        if ((futex_.expected & (ceiling ? below_the_ceiling : ~0U)) != contended) return std::nullopt;
        if (futex_.command == op_wait_bitset && !futex_.timed) return std::nullopt;
        if (memory_.long_at(24) != 0 || memory_.long_at(32) != 0) return std::nullopt;
        const auto count = memory_.at(4);
        if (!ceiling && ((kind & type_mask) == recursive ? count == 0 : count != 0)) return std::nullopt;
        const auto found = owner(memory_.at(8), shared);
        if (!found) return std::nullopt;
        return owned(futex_.address, LockKind::mutex, shared, *found);
    }

    // Held ones are in their owner's list. All are "process-shared" to glibc, so that the kernel finds their waiters.
    [[nodiscard]] std::optional<LockWait> glibc_robust() const {
        const auto kind = memory_.at(16);
        const auto tid = word_owner();
        if (!glibc_shape() || tid == 0 || (kind & robust) == 0 || (kind & (inherits | protects)) != 0)
            return std::nullopt;
        if (memory_.at(8) != tid || memory_.long_at(32) == 0) return std::nullopt;
        const auto found = owner(tid, true);
        if (!found) return std::nullopt;
        return owned(futex_.address, LockKind::robust, found->pid != wait_.process.pid, *found);
    }

    // musl: type, word, waiters, ...; the plain type keeps no tid but 16 (EBUSY), which a container has for a tid as
    // well.
    [[nodiscard]] std::optional<LockWait> musl_mutex() const {
        const auto type = memory_.at(-4);
        const auto tid = word_owner();
        const auto waiters = memory_.at(4);
        if (!memory_.has(-4, 12) || tid == 0 || futex_.command != op_wait) return std::nullopt;
        if ((type & 0xfU) == 0 || (type & ~0x87U) != 0 || (type & 3U) == 3) return std::nullopt;
        const bool shared = (type & process_shared) != 0;
        if (waiters == 0 || waiters > most_users || shared == futex_.is_private) return std::nullopt;
        const auto found = owner(tid, shared);
        if (!found) return std::nullopt;
        return owned(futex_.address - 4, LockKind::robust, shared, *found);
    }
    [[nodiscard]] std::uint32_t word_owner() const {
        const auto word = futex_.expected;
        const bool held = (word & word_waiters) != 0 && (word & word_owner_died) == 0;
        return held ? word & word_tid : 0;
    }

    // pthread_rwlock_t since glibc 2.25: readers, writers, phase futex, writers' futex, 2 × 0, writer, shared, 16 × 0,
    // flags. Readers wait on the phase futex for a writer (3), the first of the writers there for readers (2), the
    // others on theirs (3).
    [[nodiscard]] std::optional<LockWait> rwlock_phase() const {
        return futex_.expected == 2 || futex_.expected == 3 ? rwlock(8) : std::nullopt;
    }
    [[nodiscard]] std::optional<LockWait> rwlock_writers() const {
        return futex_.expected == 3 ? rwlock(12) : std::nullopt;
    }
    [[nodiscard]] std::optional<LockWait> rwlock(std::uint32_t word_at) const {
        const auto base = -static_cast<std::ptrdiff_t>(word_at);
        if (futex_.command != op_wait_bitset || !memory_.has(base, 52)) return std::nullopt;
        for (const std::ptrdiff_t zero : {16, 32, 40})
            if (memory_.long_at(base + zero) != 0) return std::nullopt;
        const auto shared = memory_.at(base + 28);
        if (shared > 1 || (shared != 0) == futex_.is_private || memory_.at(base + 48) > 2) return std::nullopt;

        const auto state = memory_.at(base);
        const auto readers = state >> 3U;
        const bool write_phase = (state & 1U) != 0;
        const auto writer = memory_.at(base + 24);
        // Without this one nobody waits: who has announced to write may hold it already, or wait for readers.
        if ((state & 2U) == 0 || readers > most_users) return std::nullopt;
        const auto address = futex_.address - word_at;
        if (write_phase) {
            const auto found = futex_.expected == 3 ? owner(writer, shared != 0) : std::nullopt;
            if (!found) return std::nullopt;
            return owned(address, LockKind::rwlock, shared != 0, *found);
        }
        const bool waits_for_readers = word_at == 12 || futex_.expected == 2;
        if (!waits_for_readers || readers == 0 || writer != 0) return std::nullopt;
        return LockWait{.address = address, .kind = LockKind::rwlock, .shared = shared != 0, .readers = readers};
    }

    // glibc's pthread_join waits for the kernel to clear the tid in the thread's descriptor. What follows there is the
    // head of its robust list, with the distance (-32) that glibc tells the kernel: a number nobody has by chance.
    [[nodiscard]] std::optional<LockWait> join() const {
        if (futex_.is_private || !memory_.has(-16, wide)) return std::nullopt;
        constexpr std::int64_t robust_distance = -32;
        if (memory_.long_at(-16) == 0 || memory_.long_at(-8) == 0 || memory_.long_at(8) == 0 || memory_.long_at(16) == 0
            || memory_.long_at(24) != static_cast<std::uint64_t>(robust_distance))
            return std::nullopt;
        const auto found = owner(memory_.at(0), false);
        if (!found || found->tid == wait_.thread.tid) return std::nullopt;
        return owned(futex_.address, LockKind::join, false, *found);
    }

    const ThreadWait& wait_;
    const Futex& futex_;
    Memory memory_;
    const FindOwner& find_owner_;
};

} // namespace

std::optional<LockBytes> lock_bytes_of(const ThreadWait& wait) {
    const auto futex = futex_of(wait);
    if (!futex || !may_be_lock(*futex)) return std::nullopt;
    return LockBytes{.address = futex->address - before, .size = wide};
}

LockBytes fewer_lock_bytes(const LockBytes& bytes) {
    return {.address = bytes.address + before, .size = narrow};
}

LockWait lock_of(const ThreadWait& wait, std::string_view bytes, const FindOwner& find_owner) {
    const auto futex = futex_of(wait);
    if (!futex) return {};
    if (!may_be_lock(*futex) || (bytes.size() != wide && bytes.size() != narrow))
        return {.address = futex->address, .shared = !futex->is_private};
    return Look(wait, *futex, Memory(bytes, bytes.size() == wide ? before : 0), find_owner).result();
}

} // namespace nezuban
