// No thread of the process was on a processor for so long: only for processes that normally tick.
#include "core/tell.hpp"
#include "rules/hang_rules.hpp"

#include <fmt/format.h>

namespace nezuban {

void find_silent(const HangScene& scene, HangFindings& out) {
    if (!scene.spec.silent) return;
    for (const auto* silence : scene.silences) {
        const auto since = scene.now - silence->silent;
        if (!lasted(scene, since, *scene.spec.silent, out.due)) continue;
        const auto so_long = scene.memory.lasting(since, scene.now);
        const auto usual = silence->usual == Duration::zero() ? std::string("less than 64 ms") : tell(silence->usual);
        out.found.push_back(
            {.kind = HangKind::silent,
             .process = silence->process,
             .since = since,
             .reason = fmt::format("no thread of pid {} has run for {}; usually it pauses for {}, {} at the longest",
                                   silence->process.pid, tell(so_long), usual, tell(silence->longest)),
             .evidence = {{"silent_s", seconds_of(so_long)},
                          {"longest_s", seconds_of(silence->longest)},
                          {"usual_s", seconds_of(silence->usual)}},
             .key = fmt::format("silent {}", silence->process.pid)});
    }
}

} // namespace nezuban
