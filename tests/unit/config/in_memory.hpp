// Configurations that live in a test.
#pragma once

#include "config/load.hpp"

#include <map>
#include <string>
#include <string_view>

namespace nezuban::test {

using Texts = std::map<std::string, std::string>; // by path

// Globs end with one *; "root" and "mailsec" are the users and groups there are.
inline Sources sources_of(const Texts& texts) {
    const auto resolve = [](const std::string& name) -> std::optional<std::uint32_t> {
        if (name == "root") return 0;
        if (name == "mailsec") return 990;
        return std::nullopt;
    };
    return {.read = [texts](const std::string& path) -> Result<std::string> {
                const auto found = texts.find(path);
                if (found == texts.end()) return fail("opening " + path + ": No such file or directory", 2);
                return found->second;
            },
            .expand = [texts](const std::string& glob) -> Result<std::vector<std::string>> {
                if (glob.find("forbidden") != std::string::npos)
                    return fail("expanding " + glob + ": Permission denied");
                std::vector<std::string> found;
                for (const auto& [path, text] : texts) {
                    if (path.starts_with(std::string_view(glob).substr(0, glob.find('*')))) found.push_back(path);
                }
                return found;
            },
            .user = resolve,
            .group = resolve};
}

inline Loaded load_texts(const Texts& texts) {
    return load("/etc/nezuban/nezuban.toml", sources_of(texts));
}

inline Loaded load_text(const std::string& text) {
    return load_texts({{"/etc/nezuban/nezuban.toml", text}});
}

// All of them, a line each, for messages and comparisons.
inline std::string told(const Loaded& loaded) {
    std::string text;
    for (const auto& diagnostic : loaded.diagnostics) {
        text += render(diagnostic) + '\n';
    }
    return text;
}

} // namespace nezuban::test
