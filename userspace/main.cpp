#include "cli/main.hpp"

int main(int argc, char** argv) {
    return nezuban::cli_main(argc, argv);
}
