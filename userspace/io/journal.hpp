// The journal, through its library, loaded by whoever writes to it. Linked, it and the five that it brings would be
// mapped by all processes of ours: a fourth of what each `fork` of the spawner and each start of a verb takes.
#pragma once

#include "core/result.hpp"

#include <span>
#include <string>

struct iovec;

namespace nezuban {

class Journal {
public:
    static Result<Journal> open();

    // One entry; each field is "NAME=value". What the journal doesn't take is lost: nobody is left to be told.
    void send(std::span<const std::string> fields) const;

private:
    using Send = int(const iovec*, int);
    explicit Journal(Send* function) : send_(function) {}

    Send* send_;
};

} // namespace nezuban
