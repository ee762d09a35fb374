// What libbpf needs around it: its complaints as errors, and what the kernel knows of loaded objects.
#pragma once

#include "core/result.hpp"
#include "probe/lifecycle.hpp"

#include <cstdint>
#include <string>
#include <vector>

struct bpf_object;

namespace nezuban {

// Keeps the last lines that libbpf warns of from here on, instead of letting it write to stderr.
class LibbpfLog {
public:
    LibbpfLog();

    // "what: reason (the last lines that libbpf said)"
    [[nodiscard]] std::unexpected<Error> error(const std::string& what, int number) const;
};

[[nodiscard]] std::vector<ProgramCost> costs_of(const bpf_object* object);
[[nodiscard]] std::uint64_t map_bytes_of(const bpf_object* object);

} // namespace nezuban
