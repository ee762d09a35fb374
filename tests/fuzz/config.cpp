// Any bytes at all as a configuration: never a crash, always an answer that can be shown. A line "--- file" begins the
// next drop-in.
#include "config/load.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nezuban;

std::vector<std::string> files_in(std::string_view text) {
    constexpr std::string_view border = "\n--- file\n";
    std::vector<std::string> files;
    while (true) {
        const auto end = text.find(border);
        files.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return files;
        text.remove_prefix(end + border.size());
    }
}

Sources sources_of(const std::vector<std::string>& files) {
    const auto resolve = [](const std::string& name) -> std::optional<std::uint32_t> {
        return name == "root" ? std::optional<std::uint32_t>(0) : std::nullopt;
    };
    return {.read = [files](const std::string& path) -> Result<std::string> {
                if (path == "0") return files.front();
                const auto number = static_cast<std::size_t>(std::atoi(path.c_str()));
                if (number == 0 || number >= files.size())
                    return fail("opening " + path + ": No such file or directory");
                return files[number];
            },
            .expand = [count = files.size()](const std::string& /*glob*/) -> Result<std::vector<std::string>> {
                std::vector<std::string> found;
                for (std::size_t number = 0; number < count; ++number) {
                    found.push_back(std::to_string(number));
                }
                return found;
            },
            .user = resolve,
            .group = resolve};
}

void require(bool holds) {
    if (!holds) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto files = files_in({reinterpret_cast<const char*>(data), size});
    const auto loaded = load("0", sources_of(files));
    require(loaded.diagnostics.size() <= 101);
    for (const auto& diagnostic : loaded.diagnostics) {
        require(diagnostic.line >= 1 && diagnostic.column >= 1);
        require(render(diagnostic).find_first_of(std::string_view("\n\0\x1b", 3)) == std::string::npos);
    }
    if (!loaded.ok()) return 0;
    std::set<std::string> names;
    for (const auto& rule : loaded.spec.rules) {
        require(!rule.name.empty() && names.insert(rule.name).second);
        require(!rule.count.max || rule.count.min <= *rule.count.max);
    }
    for (const auto& group : loaded.spec.groups) {
        require(!group.members.empty() && names.insert(group.name).second);
    }
    return 0;
}
