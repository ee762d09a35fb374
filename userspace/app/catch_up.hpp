// When all that was in the ring at one moment has been taken: it was found empty since, or, because whoever fills it
// may never let it get empty, more has been taken than it can hold.
#pragma once

#include <cstddef>

namespace nezuban {

class CatchUp {
public:
    // full: batches that the ring can hold.
    explicit CatchUp(std::size_t full) : full_(full) {}

    // From now on.
    void begin() {
        taken_ = 0;
    }

    // After each batch. whole: there may be more.
    [[nodiscard]] bool done(bool whole) {
        return !whole || ++taken_ > full_;
    }

private:
    std::size_t full_;
    std::size_t taken_ = 0;
};

} // namespace nezuban
