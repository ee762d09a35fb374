/* bare_bpf OBJECT: attaches all of it; each line of standard input is answered with how long one look took, in ms. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int main(int argc, char** argv) {
    struct bpf_object* object = argc == 2 ? bpf_object__open(argv[1]) : NULL;
    struct bpf_program* program;
    int iterator = -1;
    char text[256];

    if (!object || bpf_object__load(object)) return 1;
    bpf_object__for_each_program(program, object) {
        struct bpf_link* link = bpf_program__attach(program);

        if (!link) return 1;
        if (strcmp(bpf_program__name(program), "count_tasks") == 0) iterator = bpf_link__fd(link);
    }
    puts("{\"event\": \"ready\"}");
    fflush(stdout);
    while (fgets(text, sizeof text, stdin)) {
        double begin = now_ms();
        int look = bpf_iter_create(iterator);

        while (look >= 0 && read(look, text, sizeof text) > 0)
            ;
        close(look);
        printf("{\"ms\": %.6f}\n", now_ms() - begin);
        fflush(stdout);
    }
    return 0;
}
