// A file system that stops answering: ext4 on a loop device, frozen.
#pragma once

#include "scene.hpp"

#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace nz {

// Whether a command ended with 0; its output goes nowhere.
inline bool ran(const std::vector<std::string>& words) {
    const pid_t child = fork();
    if (child == 0) {
        std::vector<char*> argv;
        for (const auto& word : words)
            argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        const int nowhere = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; ++fd)
            dup2(nowhere, fd);
        execvp(argv[0], argv.data());
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// A loop device that lets go of the file by itself when nobody uses it any more.
inline std::string loop_device(const std::string& file) {
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    const int backing = open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (control < 0 || backing < 0) give_up("no loop device");
    for (int attempt = 0; attempt < 20; ++attempt) { // somebody else may take the free one
        const int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) break;
        const std::string path = "/dev/loop" + std::to_string(number);
        const int device = open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (device < 0) break;
        loop_config config{};
        config.fd = static_cast<__u32>(backing);
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) return path; // device stays open until the program ends
        close(device);
        if (errno != EBUSY) break;
    }
    give_up("no loop device");
}

// A process of its own that has a file open there, and writes to it at each byte of the pipe.
inline pid_t writer_in(const std::string& file, const char* name, int orders) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child > 0) return child;
    die_with(parent);
    rename_to(name);
    alarm(longest_life_s);
    const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char byte = 0;
    while (fd >= 0 && read(orders, &byte, 1) == 1)
        (void)!write(fd, &byte, 1);
    _exit(0);
}

inline void freezer(const std::string& folder, const char* name) {
    rename_to("nz-freezer");
    for (const int ignored : {SIGINT, SIGTERM, SIGHUP})
        std::signal(ignored, SIG_IGN);
    const std::string image = folder + "/image";
    const std::string place = folder + "/frozen";
    const int file = open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, 16L << 20) != 0 || mkdir(place.c_str(), 0700) != 0) give_up("the image");
    close(file);
    if (!ran({"mkfs.ext4", "-q", "-F", "-O", "^has_journal", image})) give_up("mkfs.ext4");
    // Ours alone: it is gone with us.
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
        give_up("a mount namespace");
    const std::string device = loop_device(image);
    if (mount(device.c_str(), place.c_str(), "ext4", 0, nullptr) != 0) give_up("mounting");
    const int root = open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) give_up("opening the file system");

    int orders[2];
    if (pipe2(orders, O_CLOEXEC) != 0) give_up("pipe");
    const pid_t writer = writer_in(place + "/file", name, orders[0]);
    say(R"({"event": "ready", "pid": %d, "writer": %d, "device": "%s", "file": "%s/file"})", getpid(), writer,
        device.c_str(), place.c_str());
    alarm(0); // the end of it must not come while the file system is frozen
    for (std::string line; read_line(line);) {
        bool done = false;
        if (line == "freeze") done = ioctl(root, FIFREEZE, 0) == 0;
        if (line == "thaw") done = ioctl(root, FITHAW, 0) == 0;
        if (line == "write" && write(orders[1], "x", 1) == 1) {
            await_state(writer, writer, 'D');
            done = true;
        }
        // Not given up: it may be frozen.
        say(R"({"event": "%s", "command": "%s", "errno": %d})", done ? "done" : "error", quoted(line).c_str(), errno);
    }
    ioctl(root, FITHAW, 0);
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    close(root);
    umount2(place.c_str(), MNT_DETACH);
}

} // namespace nz
