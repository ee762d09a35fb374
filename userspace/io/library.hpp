// A library that is loaded by whoever needs it and by nobody else: linked, it and all that it brings would be mapped by
// every process of ours.
#pragma once

#include "core/result.hpp"

#include <expected>
#include <initializer_list>

namespace nezuban {

class Library {
public:
    // The first of these that is there, for the rest of the process's life.
    static Result<Library> open(std::initializer_list<const char*> names);

    template <typename Function> [[nodiscard]] Result<Function*> function(const char* name) const {
        const auto found = find(name);
        if (!found) return std::unexpected(found.error());
        return reinterpret_cast<Function*>(*found);
    }

private:
    explicit Library(void* handle) : handle_(handle) {}
    [[nodiscard]] Result<void*> find(const char* name) const;

    void* handle_;
};

} // namespace nezuban
