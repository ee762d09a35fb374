// nzmark FILE: appends the time at which it ran (CLOCK_MONOTONIC, ns, one decimal number a line) to FILE and ends. It
// is the restart command whose start is measured; a FIFO as FILE tells the measurer at once.
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc != 2) return 2;
    char line[32];
    const int length = std::snprintf(line, sizeof line, "%lld\n", now.tv_sec * 1'000'000'000LL + now.tv_nsec);
    // Without a reader, a FIFO is refused instead of waited for.
    const int file = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
    if (file < 0) return 1;
    return write(file, line, static_cast<std::size_t>(length)) == length ? 0 : 1;
}
