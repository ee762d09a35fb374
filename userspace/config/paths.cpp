#include "config/paths.hpp"

#include <algorithm>

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

bool is_glob(std::string_view path) {
    return path.find_first_of("*?[") != std::string_view::npos;
}

} // namespace nezuban
