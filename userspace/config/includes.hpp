// The main file and its drop-ins, one after the other, each once.
#pragma once

#include "config/section.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nezuban {

struct File {
    unsigned number = 0; // 0 is the main file
    Table table;
};

class Files {
public:
    Files(const std::string& path, const Sources& sources, Complaints& complaints);

    // Absent: there are no more. Files that cannot be read or parsed are complained about and skipped.
    [[nodiscard]] std::optional<File> next();

    // The value of the main file's include: what it names comes next, in this order.
    void include(const Reader& reader, const Value& value);

    // A path that somebody may have put something into: a file that was read, a directory in which a glob looks.
    struct Trusted {
        std::string path;
        std::optional<Place> by; // absent: the main file
    };
    [[nodiscard]] const std::vector<Trusted>& trusted() const {
        return trusted_;
    }

    // Nothing had to be skipped.
    [[nodiscard]] bool complete() const {
        return complete_;
    }

private:
    struct Wanted {
        std::string path;
        std::optional<Place> by; // absent: the main file
    };

    [[nodiscard]] std::optional<File> open(const Wanted& wanted);
    void include_pattern(Place place, const std::string& pattern);
    void want(Place place, const std::string& path, bool literal);
    void refuse(Place place, std::string text, std::string hint = {});

    std::string main_;
    const Sources& sources_;
    Complaints& complaints_;
    std::deque<Wanted> wanted_;
    std::set<std::string> seen_; // plain paths
    std::vector<Trusted> trusted_;
    std::size_t bytes_ = 0;
    bool complete_ = true;
};

} // namespace nezuban
