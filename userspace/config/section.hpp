// Walks one table of a file by the schema's keys; what the schema does not know is an error with the nearest name.
#pragma once

#include "config/draft.hpp"
#include "config/schema.hpp"

#include <span>
#include <string_view>

namespace nezuban {

struct Reader {
    const Sources& sources;
    Complaints& complaints;
    unsigned file = 0;

    [[nodiscard]] Place place(Position where) const {
        return {.file = file, .line = where.line, .column = where.column};
    }
};

// shown: how the section is called in messages, "[daemon]". Reads over what draft already holds.
template <typename Target>
void read_section(const Reader& reader, std::string_view shown, const Table& table, std::span<const Key<Target>> keys,
                  Draft<Target>& draft);

extern template void read_section(const Reader&, std::string_view, const Table&, std::span<const Key<DaemonSpec>>,
                                  DaemonDraft&);
extern template void read_section(const Reader&, std::string_view, const Table&, std::span<const Key<RuleSpec>>,
                                  RuleDraft&);
extern template void read_section(const Reader&, std::string_view, const Table&, std::span<const Key<GroupSpec>>,
                                  GroupDraft&);

void unknown_top_level(const Reader& reader, const Entry& entry);

} // namespace nezuban
