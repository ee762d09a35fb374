// What is around a process and no scan tells: its kin, its name in full, where it listens. As /proc said at one moment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nezuban {

struct Relative {
    std::uint32_t pid = 0;
    std::string comm;

    friend bool operator==(const Relative&, const Relative&) = default;
};

struct ListeningSocket {
    std::uint32_t fd = 0;
    std::string local; // "127.0.0.1:25", ":80" (any address), "/run/x.sock", "@abstract"

    friend bool operator==(const ListeningSocket&, const ListeningSocket&) = default;
};

struct Surroundings {
    std::uint32_t pid = 0; // the process, whatever thread of it was asked for
    std::string comm;      // of its leader
    std::string args;      // its command line, for people
    Relative parent;
    std::vector<Relative> children; // at most 100
    std::vector<ListeningSocket> listening;
};

} // namespace nezuban
