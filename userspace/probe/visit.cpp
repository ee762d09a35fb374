#include "probe/visit.hpp"

#include "probe/owned.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <bpf/bpf.h>
#include <unistd.h>

namespace nezuban {

namespace {

std::unexpected<Error> failed(const std::string& what, int number) {
    return fail(what + ": " + std::strerror(number), number);
}

Result<void> run_over(int program, std::uint32_t pid) {
    bpf_iter_link_info whom{};
    whom.task.pid = pid;
    bpf_link_create_opts options{};
    options.sz = sizeof(options);
    options.iter_info = &whom;
    options.iter_info_len = sizeof(whom);
    const Descriptor link(bpf_link_create(program, 0, BPF_TRACE_ITER, &options));
    if (!link) return failed("choosing the threads of process " + std::to_string(pid), errno);
    const Descriptor pass(bpf_iter_create(link.get()));
    if (!pass) return failed("looking at the threads of process " + std::to_string(pid), errno);
    std::array<char, 64> nothing{};
    for (;;) {
        const auto size = read(pass.get(), nothing.data(), nothing.size());
        if (size == 0) return {};
        if (size < 0 && errno != EAGAIN && errno != EINTR)
            return failed("looking at the threads of process " + std::to_string(pid), errno);
    }
}

} // namespace

Walk walk_by_iterator(int program) {
    return [program](std::uint32_t pid) { return run_over(program, pid); };
}

Walk walk_by_program(int program, const std::uint32_t& next) {
    return [program, &next](std::uint32_t pid) -> Result<void> {
        do {
            bpf_test_run_opts options{};
            options.sz = sizeof(options);
            if (const int error = bpf_prog_test_run_opts(program, &options); error != 0)
                return failed("looking at the threads of process " + std::to_string(pid), -error);
        } while (next != 0);
        return {};
    };
}

Result<nz_visit> visit_threads(const Walk& walk, const nz_visit& asked, nz_visit& mailbox) {
    // Since 7.0 storage is allocated without waiting for any lock, and fails when another processor holds it. And a
    // thread at which a walk was to go on may have ended.
    constexpr int most_tries = 3;
    nz_visit seen{};
    for (int tries = 0; tries < most_tries; ++tries) {
        mailbox = asked;
        if (auto done = walk(asked.pid); !done) return std::unexpected(done.error());
        seen = mailbox;
        if (seen.error != -ENOMEM && seen.error != -EAGAIN) break;
    }
    const auto process = "process " + std::to_string(asked.pid);
    if (seen.threads == 0 || seen.ended != 0) return failed(process, ESRCH);
    if (seen.error != 0) return failed("keeping account of " + process, -seen.error);
    if (asked.tid != 0 && seen.found == 0)
        return failed("thread " + std::to_string(asked.tid) + " of " + process, ESRCH);
    return seen;
}

} // namespace nezuban
