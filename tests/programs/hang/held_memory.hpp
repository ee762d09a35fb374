// A process that holds the lock of its own memory: it maps over a page of a file that is still to be written back, and
// whose file system (FUSE, served here) doesn't answer. So does, without anybody's intent, whoever unmaps a file of a
// dead disk.
#pragma once

#include "scene.hpp"

#include <atomic>

#include <linux/fuse.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace nz {

// One file in one directory. What is written to it is not answered before `release`.
class SilentFiles {
public:
    explicit SilentFiles(const std::string& place) : device_(open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        const std::string options = "fd=" + std::to_string(device_) + ",rootmode=40000,user_id=0,group_id=0";
        if (device_ < 0 || mount("nzstuck", place.c_str(), "fuse", 0, options.c_str()) != 0) give_up("FUSE");
    }

    void serve() {
        in_thread("nz-files", [this] {
            static char request[1U << 17U];
            for (;;) {
                const ssize_t got = read(device_, request, sizeof request);
                if (got < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN) return;
                if (got >= static_cast<ssize_t>(sizeof(fuse_in_header))) answer(request);
            }
        });
    }
    void release() {
        answered(unanswered_, 0, fuse_write_out{.size = page, .padding = 0});
    }
    void leave() const {
        close(device_);
    }

    static constexpr std::uint32_t page = 4096;

private:
    static constexpr std::uint64_t file = 2;
    struct Page {
        char bytes[page];
    };

    void answer(const char* request) {
        fuse_in_header head{};
        std::memcpy(&head, request, sizeof head);
        switch (head.opcode) {
        case FUSE_INIT: {
            fuse_init_out out{};
            out.major = FUSE_KERNEL_VERSION;
            out.minor = 31; // all that is used here is older
            out.max_write = page;
            return answered(head.unique, 0, out);
        }
        case FUSE_LOOKUP: {
            fuse_entry_out out{};
            out.nodeid = file;
            out.entry_valid = out.attr_valid = longest_life_s;
            out.attr = attributes(file);
            return answered(head.unique, 0, out);
        }
        case FUSE_GETATTR: {
            fuse_attr_out out{};
            out.attr_valid = longest_life_s;
            out.attr = attributes(head.nodeid);
            return answered(head.unique, 0, out);
        }
        case FUSE_OPEN: return answered(head.unique, 0, fuse_open_out{});
        case FUSE_READ: return answered(head.unique, 0, Page{});
        case FUSE_WRITE: unanswered_ = head.unique; return;
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT: return; // nobody waits for an answer
        default: return refuse(head.unique);
        }
    }
    static fuse_attr attributes(std::uint64_t node) {
        fuse_attr out{};
        out.ino = node;
        out.nlink = 1;
        out.mode = node == file ? S_IFREG | 0600 : S_IFDIR | 0700;
        out.size = node == file ? page : 0;
        out.blksize = page;
        return out;
    }
    template <typename Body> void answered(std::uint64_t request, std::int32_t error, const Body& body) const {
        struct {
            fuse_out_header head;
            Body body;
        } out{.head = {.len = sizeof out, .error = error, .unique = request}, .body = body};
        (void)!write(device_, &out, sizeof out);
    }
    void refuse(std::uint64_t request) const {
        const fuse_out_header out{.len = sizeof out, .error = -ENOSYS, .unique = request};
        (void)!write(device_, &out, sizeof out);
    }

    int device_;
    std::atomic<std::uint64_t> unanswered_ = 0;
};

// Leads a session, as commands do. At a byte of the pipe it takes the lock of its memory, until it is answered.
inline pid_t holder_of(const SilentFiles& files, const std::string& path, const char* name, int orders) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child > 0) return child;
    die_with(parent);
    files.leave(); // whoever has it open keeps the file system alive
    setsid();
    rename_to(name);
    alarm(longest_life_s);
    for (char order = 0; read(orders, &order, 1) == 1;) {
        const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
        auto* mapped = static_cast<char*>(mmap(nullptr, SilentFiles::page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        if (mapped == MAP_FAILED) _exit(1);
        close(fd);
        mapped[0] = order;
        mmap(mapped, SilentFiles::page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    _exit(0);
}

inline void memory_holder(const std::string& folder, const char* name) {
    // Ours alone: it is gone with us.
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        give_up("a mount namespace");
    static SilentFiles files(folder);
    int orders[2];
    if (pipe2(orders, O_CLOEXEC) != 0) give_up("pipe");
    const pid_t holder = holder_of(files, folder + "/file", name, orders[0]);
    rename_to("nz-files");
    files.serve();
    say(R"({"event": "ready", "pid": %d, "holder": %d})", getpid(), holder);
    for (std::string line; read_line(line);) {
        if (line == "hold" && write(orders[1], "x", 1) == 1) await_state(holder, holder, 'D');
        if (line == "release") files.release();
        say(R"({"event": "done", "command": "%s"})", quoted(line).c_str());
    }
    kill(holder, SIGKILL);
    files.leave();
    waitpid(holder, nullptr, 0);
}

} // namespace nz
