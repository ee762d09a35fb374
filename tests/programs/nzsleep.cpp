// The smallest process that stays: nzsleep [NAME] waits for a signal, and for two minutes at most. It dies with its
// parent.
#include "nz.hpp"

int main(int argc, char** argv) {
    nz::die_with(getppid());
    nz::live_at_most(nz::default_life_s);
    if (argc > 1) nz::rename_to(argv[1]);
    for (;;)
        pause();
}
