#include "app/complete.hpp"

#include "app/examiner.hpp"
#include "io/clock.hpp"
#include "io/examine.hpp"
#include "io/frozen.hpp"
#include "io/proc_thread.hpp"
#include "io/procfs.hpp"
#include "io/syscall_names.hpp"
#include "io/syscall_shape.hpp"
#include "io/threads.hpp"
#include "rules/lock_layout.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

namespace nezuban {

namespace {

// Who is meant by a tid that stands in a program's memory. Remembered for one examination: a convoy of 500 threads
// waits for one owner.
class Owners {
public:
    explicit Owners(std::span<const Question> questions) : own_namespace_(own_pid_namespace()) {
        for (const auto& [index, thread] : questions)
            seen_[{thread.pid_namespace, thread.in_namespace}] = {.tid = thread.thread.tid, .pid = thread.process.pid};
    }

    [[nodiscard]] std::optional<Owner> find(const ThreadWait& waiter, std::uint32_t tid) {
        if (waiter.pid_namespace == own_namespace_) return here(tid);
        if (const auto found = seen_.find({waiter.pid_namespace, tid}); found != seen_.end()) return found->second;
        const auto& threads = threads_of_process(waiter.process.pid);
        const auto found = std::ranges::find(threads, tid, &std::pair<std::uint32_t, std::uint32_t>::first);
        if (found == threads.end()) return std::nullopt;
        return Owner{.tid = found->second, .pid = waiter.process.pid};
    }

private:
    [[nodiscard]] std::optional<Owner> here(std::uint32_t tid) {
        auto [found, fresh] = processes_.try_emplace(tid);
        if (fresh) found->second = process_of(tid);
        if (!found->second) return std::nullopt;
        return Owner{.tid = tid, .pid = *found->second};
    }
    [[nodiscard]] const std::vector<std::pair<std::uint32_t, std::uint32_t>>& threads_of_process(std::uint32_t pid) {
        auto [found, fresh] = threads_.try_emplace(pid);
        if (fresh) found->second = threads_of(pid);
        return found->second;
    }

    std::uint64_t own_namespace_;
    std::map<std::pair<std::uint64_t, std::uint32_t>, Owner> seen_; // by namespace and tid there
    std::map<std::uint32_t, std::optional<std::uint32_t>> processes_;
    std::map<std::uint32_t, std::vector<std::pair<std::uint32_t, std::uint32_t>>> threads_;
};

// The memory of one process, with two calls at most. Empty: it could not be read.
std::vector<std::string> lock_memory(std::span<const Question> questions) {
    std::vector<MemoryWish> wishes;
    for (const auto& [index, thread] : questions) {
        const auto bytes = lock_bytes_of(thread).value_or(LockBytes{});
        wishes.push_back({.pid = thread.process.pid, .address = bytes.address, .size = bytes.size});
    }
    auto memory = read_memory(wishes);
    bool again = false;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
        if (memory[i].empty() && wishes[i].size != 0) {
            const auto fewer = fewer_lock_bytes({.address = wishes[i].address, .size = wishes[i].size});
            wishes[i].address = fewer.address;
            wishes[i].size = fewer.size;
            again = true;
        } else {
            wishes[i].size = 0;
        }
    }
    if (!again) return memory;
    auto rest = read_memory(wishes);
    for (std::size_t i = 0; i < memory.size(); ++i)
        if (memory[i].empty()) memory[i] = std::move(rest[i]);
    return memory;
}

void look_at_stacks(std::span<const Question> questions, StackDevices& devices) {
    std::vector<const ThreadWait*> threads;
    for (const auto& [index, thread] : questions)
        if (StackDevices::worth_a_look(thread)) threads.push_back(&thread);
    devices.look(threads);
}

void examine_process(std::span<Question> questions, Owners& owners, StackDevices& devices, KernelStacks& stacks,
                     const Examination& to) {
    for (auto& question : questions) {
        if (question.thread.to_read != ToRead::nothing) read_rest(question.thread);
    }
    const auto memory = lock_memory(questions);
    std::map<int, std::string> objects;
    for (std::size_t i = 0; i < questions.size(); ++i) {
        const auto& thread = questions[i].thread;
        Answer answer{.index = questions[i].index};
        if (!memory[i].empty())
            answer.lock = lock_of(thread, memory[i], [&](std::uint32_t tid) { return owners.find(thread, tid); });
        if (const auto fd = thread.syscall ? descriptor_of(*thread.syscall) : std::nullopt) {
            auto [object, fresh] = objects.try_emplace(*fd);
            if (fresh) object->second = describe_descriptor(thread.process.pid, *fd);
            answer.object = object->second;
        }
        // A socket, a pipe or a device that is no disk is nothing that a file system waits for.
        if (answer.object.empty() || answer.object.find(" on ") != std::string::npos)
            answer.device = devices.of(thread, answer.object);
        // What it works on is told by its name, too, and changes with each wait.
        if (thread.kernel_thread) answer.comm = read_name(thread.thread.tid).value_or("");
        const bool read = thread.to_read != ToRead::nothing;
        if (read) answer.syscall = thread.syscall;
        if (read || KernelStacks::nameless(thread.kernel_stack)) {
            answer.kernel_stack = thread.kernel_stack;
            stacks.name(answer.kernel_stack);
        }
        if (answer.syscall || answer.lock || !answer.object.empty() || !answer.device.empty() || !answer.comm.empty()
            || !answer.kernel_stack.empty())
            to.found(std::move(answer));
    }
}

} // namespace

bool worth_a_look(const ThreadWait& thread) {
    if (thread.to_read != ToRead::nothing) return true;
    if (StackDevices::worth_a_look(thread) || KernelStacks::nameless(thread.kernel_stack)) return true;
    if (thread.kernel_thread || !thread.syscall) return false;
    return lock_bytes_of(thread) || descriptor_of(*thread.syscall);
}

void put_answer(Answer answer, WaitScan& scan) {
    if (answer.index >= scan.threads.size()) return;
    auto& thread = scan.threads[answer.index];
    thread.lock = answer.lock;
    thread.object = std::move(answer.object);
    thread.device = std::move(answer.device);
    if (!answer.kernel_stack.empty()) thread.kernel_stack = std::move(answer.kernel_stack);
    if (thread.to_read == ToRead::whether_frozen && !thread.kernel_stack.empty())
        thread.frozen = std::ranges::any_of(thread.kernel_stack, waits_frozen);
    if (answer.syscall) {
        thread.syscall = std::move(answer.syscall);
        thread.syscall->name = syscall_name(thread.syscall->number, thread.syscall->compat);
        thread.entered_by_syscall = true;
    }
    // It begins with what the kernel told; if not, it is somebody else's by now.
    if (answer.comm.starts_with(thread.comm)) thread.comm = std::move(answer.comm);
}

// Whose call was not read (in time) stays: nothing is known against it.
void drop_lockless(WaitScan& scan) {
    std::erase_if(scan.threads, [](const ThreadWait& wait) {
        return wait.to_read == ToRead::if_lock && wait.syscall && !may_wait_for_lock(*wait.syscall);
    });
}

void examine(std::vector<Question> questions, const Examination& to) {
    const auto process = [](const Question& question) { return question.thread.process.pid; };
    // Not stable_sort: that of g++ 12 uses what clang refuses as deprecated.
    std::ranges::sort(questions, {},
                      [&](const Question& question) { return std::pair(process(question), question.index); });
    Owners owners(questions);
    StackDevices own;
    auto& devices = to.devices == nullptr ? own : *to.devices;
    KernelStacks own_stacks;
    auto& stacks = to.stacks == nullptr ? own_stacks : *to.stacks;
    look_at_stacks(questions, devices);
    for (std::span<Question> rest(questions); !rest.empty();) {
        const auto pid = process(rest.front());
        const auto end = std::ranges::find_if(rest, [&](const Question& question) { return process(question) != pid; });
        const auto count = static_cast<std::size_t>(end - rest.begin());
        to.before(pid);
        examine_process(rest.first(count), owners, devices, stacks, to);
        rest = rest.subspan(count);
    }
}

FileBeat look_at_beat(const std::string& path) {
    auto touched = last_touched(path);
    FileBeat beat{.path = path, .error = std::move(touched.error)};
    if (touched.when) beat.touched = clock_pair().to_monotonic(*touched.when);
    return beat;
}

void complete_blocking(WaitScan& scan, const std::vector<std::string>& beat_files) {
    std::vector<Question> questions;
    for (std::uint32_t i = 0; i < scan.threads.size(); ++i)
        if (worth_a_look(scan.threads[i])) questions.push_back({.index = i, .thread = scan.threads[i]});
    examine(std::move(questions),
            {.before = [](std::uint32_t) {}, .found = [&](Answer answer) { put_answer(std::move(answer), scan); }});
    drop_lockless(scan);
    for (const auto& path : beat_files)
        scan.beats.push_back(look_at_beat(path));
}

} // namespace nezuban
