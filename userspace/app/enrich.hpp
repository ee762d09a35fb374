// Reads of /proc what an event lacks and a rule asks for.
#pragma once

#include "core/event.hpp"
#include "core/process.hpp"

#include <cstdint>
#include <unordered_map>

namespace nezuban {

class Enricher {
public:
    void enrich(Event& event, const Needs& needs);

private:
    static Text name_of(const Process& process);
    Text cgroups_of(const Process& process);

    // The paths behind a cgroup key: most processes of a machine share a few hundred. Kept until there are too many.
    std::unordered_map<std::uint64_t, Text> cgroups_;
};

} // namespace nezuban
