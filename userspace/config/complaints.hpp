// Collects every problem of a configuration, in whatever order they are found.
#pragma once

#include "config/diagnostic.hpp"

#include <compare>
#include <cstddef>
#include <string>
#include <vector>

namespace nezuban {

// A spot in one of the files, in the order in which they were opened.
struct Place {
    unsigned file = 0;
    unsigned line = 1;
    unsigned column = 1;

    friend constexpr auto operator<=>(const Place&, const Place&) = default;
};

class Complaints {
public:
    // More than this nobody reads, and a hostile file must not fill the memory.
    static constexpr std::size_t limit = 100;

    // Returns the number that places in this file carry.
    unsigned add_file(std::string name);
    [[nodiscard]] const std::string& file(unsigned number) const;

    void error(Place place, std::string text, std::string hint = {});
    void warning(Place place, std::string text, std::string hint = {});

    // So far, dropped ones included.
    [[nodiscard]] std::size_t errors() const {
        return errors_.size() + dropped_errors_;
    }
    // Nothing more is kept: whoever would have to search for a hint can spare the effort.
    [[nodiscard]] bool full() const {
        return errors_.size() >= limit;
    }

    // In the order of the files; beyond the limit the last one says how many are missing.
    [[nodiscard]] std::vector<Diagnostic> take();

private:
    struct Entry {
        Place place;
        Diagnostic::Level level;
        std::string text;
        std::string hint;

        friend bool operator==(const Entry&, const Entry&) = default;
    };

    std::vector<std::string> files_;
    std::vector<Entry> errors_;
    std::vector<Entry> warnings_;
    std::size_t dropped_errors_ = 0;
    std::size_t dropped_warnings_ = 0;
};

} // namespace nezuban
