#include "config/paths.hpp"

#include "core/words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace nezuban {

std::string plain_path(std::string_view path) {
    std::string result = path.starts_with('/') ? "/" : "";
    while (!path.empty()) {
        const auto part = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), part.size() + 1));
        if (part.empty() || part == ".") continue;
        if (!result.empty() && result.back() != '/') result += '/';
        result += part;
    }
    return result;
}

std::string relative_to(std::string_view base, std::string_view path) {
    if (path.starts_with('/')) return std::string(path);
    return std::string(base.substr(0, base.rfind('/') + 1)).append(path); // npos + 1 is 0
}

std::string socket_problem(std::string_view path) {
    const auto name = path.substr(path.rfind('/') + 1); // npos + 1 is 0
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return {}; // of a hidden file that is no ending
    const auto ending = name.substr(dot);
    if (ending != ".notify" && ending != ".health") return {};
    return fmt::format("{} is the place of what lies beside the socket", quoted(path));
}

bool is_glob(std::string_view path) {
    return path.find_first_of("*?[") != std::string_view::npos;
}

} // namespace nezuban
