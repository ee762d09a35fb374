/* bare_pidfd FILE COMMAND: waits for the end of the process whose pid is in FILE, runs COMMAND, waits for the next. */
#define _GNU_SOURCE
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static int pid_in(const char* path) {
    int pid = 0;
    FILE* file = fopen(path, "r");

    if (file) {
        if (fscanf(file, "%d", &pid) != 1) pid = 0;
        fclose(file);
    }
    return pid;
}

int main(int argc, char** argv) {
    char* words[] = {argc == 3 ? argv[2] : NULL, NULL};
    int done = 0;

    if (argc != 3) return 2;
    for (;;) {
        int pid = pid_in(argv[1]);
        struct pollfd end = {.fd = pid && pid != done ? (int)syscall(SYS_pidfd_open, pid, 0) : -1, .events = POLLIN};
        pid_t child;

        if (end.fd < 0) {
            usleep(20000);
            continue;
        }
        poll(&end, 1, -1);
        done = pid;
        if (posix_spawn(&child, words[0], NULL, NULL, words, environ) == 0) waitpid(child, NULL, 0);
        close(end.fd);
    }
}
