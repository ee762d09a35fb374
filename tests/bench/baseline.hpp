// Programs to compare ours with: some that do nothing, and the usual way to know who was off its processor.
#pragma once

#include "host.hpp"
#include "probe/libbpf.hpp"

#include <memory>
#include <set>
#include <string>

#include <baseline.skel.h>

namespace nezuban::bench {

struct FreeBaseline {
    void operator()(baseline_bpf* object) const {
        baseline_bpf__destroy(object);
    }
};
using Baseline = std::unique_ptr<baseline_bpf, FreeBaseline>;

// Those of these names, and no others.
inline Baseline load_baseline(const std::set<std::string>& names) {
    const LibbpfLog log;
    Baseline baseline(baseline_bpf__open());
    if (!baseline) throw std::runtime_error("opening the baseline programs");
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, baseline->obj) {
        bpf_program__set_autoload(program, names.contains(bpf_program__name(program)));
    }
    if (const int error = baseline_bpf__load(baseline.get()); error != 0)
        throw std::runtime_error(log.error("loading the baseline programs", -error).error().text);
    return baseline;
}

// All that is loaded.
inline void attach(const Baseline& baseline) {
    if (const int error = baseline_bpf__attach(baseline.get()); error != 0)
        throw std::runtime_error("attaching the baseline programs: " + std::to_string(error));
}

} // namespace nezuban::bench
