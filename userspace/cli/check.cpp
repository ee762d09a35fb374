#include "app/sources.hpp"
#include "cli/verbs.hpp"
#include "config/diagnostic.hpp"
#include "config/load.hpp"
#include "core/json_words.hpp"
#include "core/words.hpp"

#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

constexpr Duration for_disks = std::chrono::seconds(5);

nlohmann::ordered_json as_json(const Diagnostic& diagnostic) {
    return {
        {"file", diagnostic.file},
        {"line", diagnostic.line},
        {"column", diagnostic.column},
        {"level", diagnostic.level == Diagnostic::Level::error ? "error" : "warning"},
        {"text", diagnostic.text},
        {"hint", diagnostic.hint.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(diagnostic.hint)}};
}

} // namespace

int run_check(const Options& options, std::ostream& out, std::ostream& err) {
    const auto loaded = load(options.config, guarded_sources(for_disks));
    const int exit_code = loaded.ok() ? 0 : exit_usage;
    if (options.json) {
        auto list = nlohmann::ordered_json::array();
        for (const auto& diagnostic : loaded.diagnostics)
            list.push_back(as_json(diagnostic));
        out << harmless_json(list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) << '\n';
        return exit_code;
    }
    for (const auto& diagnostic : loaded.diagnostics)
        err << render(diagnostic) << '\n';
    if (loaded.ok())
        out << fmt::format("{}: {}, {}: ok\n", options.config, counted(loaded.spec.rules.size(), "rule"),
                           counted(loaded.spec.groups.size(), "group"));
    return exit_code;
}

} // namespace nezuban
