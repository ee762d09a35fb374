#include "probe/waits.hpp"

#include "probe/decode_waits.hpp"
#include "probe/libbpf.hpp"
#include "probe/owned.hpp"
#include "probe/seq_buffer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>

#include <bpf/bpf.h>
#include <nezuban/waits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sockets.skel.h>
#include <waits.skel.h>

namespace nezuban {

namespace {

// A record that no longer fits comes whole with the next read. But most threads and files are looked at and not told,
// so no buffer fills: the programs count, and end the read.
constexpr std::uint32_t threads_a_read = 300;
// When a disk is gone, thousands are in D in the same place: naming the frames of all would take most of a second.
constexpr std::uint32_t stacks_a_pass = 256;
constexpr int quiet_passes = 60;
constexpr std::uint32_t files_a_read = 600;

// One pass of an iterator.
class Pass {
public:
    Result<void> begin(const bpf_link* link, const char* what) {
        descriptor_.reset(); // one at a time
        descriptor_.reset(bpf_iter_create(bpf_link__fd(link)));
        if (!descriptor_) return fail(std::string("starting ") + what + ": " + std::strerror(errno), errno);
        return {};
    }
    // Absent: that was the end. Often empty: nobody was told.
    Result<std::optional<std::span<const std::byte>>> read_slice(const char* what) {
        using Slice = std::optional<std::span<const std::byte>>;
        const ssize_t size = ::read(descriptor_.get(), buffer_.data(), buffer_.size());
        if (size > 0) return Slice(buffer_.first(static_cast<std::size_t>(size)));
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Slice(std::span<const std::byte>());
        const int number = size < 0 ? errno : 0;
        descriptor_.reset();
        if (number != 0) return fail(std::string("reading ") + what + ": " + std::strerror(number), number);
        return Slice();
    }

private:
    Descriptor descriptor_;
    SeqBuffer buffer_;
};

std::uint32_t kinds_of(const ScanWish& wish) {
    std::uint32_t kinds = 0;
    if (wish.uninterruptible) kinds |= NZ_WAIT_BLOCKED;
    if (wish.stopped) kinds |= NZ_WAIT_STOPPED;
    if (wish.locks) kinds |= NZ_WAIT_LOCK;
    if (wish.running) kinds |= NZ_WAIT_RUNNING;
    return kinds;
}

// All of them are 0 to whoever may not know; to others only the first ones, which are relative to a processor.
bool kernel_addresses_are_told() {
    constexpr int some = 2000;
    std::ifstream symbols("/proc/kallsyms");
    std::string line;
    for (int i = 0; i < some && std::getline(symbols, line); ++i) {
        if (line.find_first_not_of('0') < line.find(' ')) return true;
    }
    return false;
}

using Asked = std::unordered_set<std::uint32_t>;

Asked ask(const std::vector<std::uint32_t>& numbers, __u64 (&bits)[NZ_ASKED]) {
    std::ranges::fill(bits, 0);
    for (const auto number : numbers) {
        bits[number >> 6U & (NZ_ASKED - 1)] |= 1ULL << (number & 63U);
    }
    return {numbers.begin(), numbers.end()};
}

} // namespace

struct Waits::State {
    Owned<waits_bpf> threads;
    Owned<sockets_bpf> sockets;
    std::string no_sockets; // why
    bool symbols = true;    // frames have names, or can be named
    std::vector<std::string> missing;
    Asked processes;
    Asked tids;
    Pass thread_pass;
    Pass socket_pass;
    SocketPass seen;
    int quiet = 0; // passes since one saw a doubtful queue

    Result<void> load_threads(const Features& features) {
        const LibbpfLog log;
        threads.reset(waits_bpf__open());
        if (!threads) return log.error("opening the wait scan", errno);
        threads->rodata->registers_by_helper = features.register_helper;
        threads->rodata->symbols_by_helper = features.symbol_helper;
        bpf_program__set_autoload(threads->progs.find_registers, !features.register_helper);
        if (const int error = waits_bpf__load(threads.get()); error != 0)
            return log.error("loading the wait scan", -error);
        threads->links.scan_threads = bpf_program__attach(threads->progs.scan_threads);
        if (threads->links.scan_threads == nullptr) return log.error("attaching the wait scan", errno);
        if (!features.register_helper) find_registers();
        symbols = features.symbol_helper || kernel_addresses_are_told();
        if (!symbols)
            missing.emplace_back("kernel stacks have no names: /proc/kallsyms is not to be read (kptr_restrict)");
        return {};
    }
    // By a system call of ours with arguments that nothing else on our stack looks like.
    void find_registers() {
        auto& shared = *threads->bss;
        bpf_attr attributes{};
        attributes.test.prog_fd = static_cast<std::uint32_t>(bpf_program__fd(threads->progs.find_registers));
        constexpr std::array<std::uint64_t, 3> marks{0x6e657a7562616e31, 0x6e657a7562616e32, 0x6e657a7562616e33};
        std::ranges::copy(marks, shared.own_marks);
        shared.own_syscall = SYS_bpf;
        const auto done =
            syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes), marks[0], marks[1], marks[2]);
        if (done != 0 || shared.registers_at == 0)
            missing.emplace_back("system calls of waiting threads are not known: their registers were not found");
    }
    Result<void> load_sockets(const Features& features) {
        const LibbpfLog log;
        sockets.reset(sockets_bpf__open());
        if (!sockets) return log.error("opening the socket scan", errno);
        bpf_program__set_autoload(sockets->progs.handle_consume, features.frees);
        if (const int error = sockets_bpf__load(sockets.get()); error != 0)
            return log.error("loading the socket scan", -error);
        sockets->links.scan_sockets = bpf_program__attach(sockets->progs.scan_sockets);
        if (sockets->links.scan_sockets == nullptr) return log.error("attaching the socket scan", errno);
        return {};
    }
    // Watches what is freed for as long as some queue could be taken for one that it isn't, and a while longer: to
    // attach takes half a millisecond, but up to 17 soon after a detach. If it can't be attached, such a queue seems
    // stuck as long as the very same words come again and again, one at a time.
    void watch_frees(bool doubtful) {
        auto*& link = sockets->links.handle_consume;
        quiet = doubtful ? 0 : quiet + 1;
        const bool able = bpf_program__autoload(sockets->progs.handle_consume);
        if (able && doubtful && link == nullptr) link = bpf_program__attach(sockets->progs.handle_consume);
        if (quiet >= quiet_passes && link != nullptr) bpf_link__destroy(std::exchange(link, nullptr));
    }
    [[nodiscard]] bool wanted(const ToldThread& told) const {
        if ((told.why & ~static_cast<std::uint32_t>(NZ_WAIT_ASKED)) != 0) return true;
        return processes.contains(told.wait.process.pid) || tids.contains(told.wait.thread.tid);
    }
};

Waits::Waits(std::unique_ptr<State> state) : state_(std::move(state)) {}
Waits::~Waits() = default;
Waits::Waits(Waits&&) noexcept = default;
Waits& Waits::operator=(Waits&&) noexcept = default;

Result<Waits> Waits::load(const Features& features) {
    if (!features.wait_scan) return fail("no sched_info, no run queue clocks", EOPNOTSUPP);
    auto state = std::make_unique<State>();
    if (auto loaded = state->load_threads(features); !loaded) return std::unexpected(loaded.error());
    // Threads are worth having without sockets.
    if (!features.socket_scan)
        state->no_sockets = "this kernel has no task_file iterator";
    else if (auto loaded = state->load_sockets(features); !loaded)
        state->no_sockets = loaded.error().text;
    if (!state->no_sockets.empty())
        state->missing.push_back("hang.unserved is not looked for: " + state->no_sockets);
    else if (!features.frees)
        state->missing.emplace_back("the same word sent to a Unix socket again and again, and read each time, may look "
                                    "unserved: nobody tells what is freed");
    return Waits(std::move(state));
}

Result<void> Waits::begin_threads(const ScanWish& wish) {
    auto& shared = *state_->threads->bss;
    shared.wish.work = threads_a_read;
    shared.wish.stacks = stacks_a_pass;
    shared.wish.least_ns = static_cast<__u64>(std::max(wish.least, Duration::zero()).count());
    shared.wish.kinds = kinds_of(wish);
    state_->processes = ask(wish.processes, shared.wish.asked_processes);
    state_->tids = ask(wish.threads, shared.wish.asked_threads);
    return state_->thread_pass.begin(state_->threads->links.scan_threads, "the wait scan");
}

Result<bool> Waits::read_threads(const std::function<void(ThreadWait)>& sink) {
    state_->threads->bss->done = 0;
    auto slice = state_->thread_pass.read_slice("the wait scan");
    if (!slice) return std::unexpected(slice.error());
    if (!*slice) return false;
    auto bytes = **slice;
    while (auto told = take_thread(bytes)) {
        if (!state_->symbols) told->wait.kernel_stack.clear();
        if (state_->wanted(*told)) sink(std::move(told->wait));
    }
    return true;
}

Result<void> Waits::begin_sockets() {
    if (!state_->no_sockets.empty()) return fail(state_->no_sockets);
    state_->seen = {};
    state_->sockets->bss->doubtful = 0;
    state_->sockets->bss->work = files_a_read;
    return state_->socket_pass.begin(state_->sockets->links.scan_sockets, "the socket scan");
}

Result<bool> Waits::read_sockets(const std::function<void(SocketQueue)>& sink) {
    if (!state_->no_sockets.empty()) return fail(state_->no_sockets);
    state_->sockets->bss->done = 0;
    const auto slice = state_->socket_pass.read_slice("the socket scan");
    if (!slice) return std::unexpected(slice.error());
    if (!*slice) {
        state_->watch_frees(state_->sockets->bss->doubtful > 0);
        state_->seen.finish(sink);
        return false;
    }
    auto bytes = **slice;
    for (; bytes.size() >= sizeof(nz_socket); bytes = bytes.subspan(sizeof(nz_socket))) {
        nz_socket socket{};
        std::memcpy(&socket, bytes.data(), sizeof(socket));
        state_->seen.add(socket, sink);
    }
    return true;
}

const std::vector<std::string>& Waits::missing() const {
    return state_->missing;
}

std::vector<ProgramCost> Waits::costs() const {
    auto costs = costs_of(state_->threads->obj);
    if (state_->no_sockets.empty()) std::ranges::copy(costs_of(state_->sockets->obj), std::back_inserter(costs));
    return costs;
}

std::uint64_t Waits::map_bytes() const {
    return map_bytes_of(state_->threads->obj) + (state_->no_sockets.empty() ? map_bytes_of(state_->sockets->obj) : 0);
}

} // namespace nezuban
