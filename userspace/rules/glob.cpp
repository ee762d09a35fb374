#include "rules/glob.hpp"

#include <re2/re2.h>

namespace nezuban {

namespace {

// Appends the set that begins at glob[at] ('['), and returns where it ends; at itself if it is not closed.
std::size_t append_set(std::string_view glob, std::size_t at, Slash slash, std::string& out) {
    const std::size_t first = at + 1 + (at + 1 < glob.size() && (glob[at + 1] == '!' || glob[at + 1] == '^') ? 1 : 0);
    const std::size_t close = glob.find(']', first + 1); // a ] right at the beginning is a member
    if (close == std::string_view::npos) return at;
    out += first == at + 1 ? "[" : (slash == Slash::divides ? "[^/" : "[^");
    for (std::size_t i = first; i < close; ++i) {
        if (glob[i] == '\\' || glob[i] == '[' || glob[i] == ']' || glob[i] == '^') out += '\\';
        out += glob[i];
    }
    out += ']';
    return close;
}

} // namespace

std::string expression_of_glob(std::string_view glob, Slash slash) {
    const std::string_view any = slash == Slash::divides ? "[^/]" : ".";
    std::string out;
    for (std::size_t i = 0; i < glob.size(); ++i) {
        const char c = glob[i];
        if (c == '*') {
            const bool deep = i + 1 < glob.size() && glob[i + 1] == '*';
            out += deep ? "." : any;
            out += '*';
            i += deep ? 1 : 0;
        } else if (c == '?') {
            out += any;
        } else if (c == '[') {
            const std::size_t end = append_set(glob, i, slash, out);
            if (end == i) out += "\\[";
            i = end;
        } else {
            if (c == '\\' && i + 1 < glob.size()) ++i;
            out += re2::RE2::QuoteMeta(re2::StringPiece(&glob[i], 1));
        }
    }
    return out;
}

std::string_view literal_beginning(std::string_view glob) {
    return glob.substr(0, glob.find_first_of("*?[\\"));
}

} // namespace nezuban
