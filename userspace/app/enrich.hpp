// Reads of /proc what an event lacks and a rule asks for.
#pragma once

#include "app/args_reader.hpp"
#include "core/event.hpp"
#include "core/process.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>

namespace nezuban {

class Enricher {
public:
    struct Lacking {
        Event* event = nullptr;
        Needs needs;
    };

    // Without a reader it reads arguments itself: for who may be kept waiting by whose memory is locked.
    explicit Enricher(std::unique_ptr<ArgsReader> reader = nullptr) : reader_(std::move(reader)) {}

    void enrich(Event& event, const Needs& needs) {
        const Lacking one{.event = &event, .needs = needs};
        enrich(std::span(&one, 1));
    }
    // Many are cheaper together.
    void enrich(std::span<const Lacking> events);

    [[nodiscard]] ArgsReader* reader() const {
        return reader_.get();
    }

private:
    void read_arguments(std::span<const Lacking> events);
    static Text name_of(const Process& process);
    Text cgroups_of(const Process& process);

    std::unique_ptr<ArgsReader> reader_;
    // The paths behind a cgroup key: most processes of a machine share a few hundred. Kept until there are too many.
    std::unordered_map<std::uint64_t, Text> cgroups_;
};

} // namespace nezuban
