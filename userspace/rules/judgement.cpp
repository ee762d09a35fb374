#include "rules/judgement.hpp"

namespace nezuban {

Judgement::Change Judgement::update(std::uint32_t for_min, std::uint32_t for_max, const Limits& limits, bool keep_open,
                                    Time now) {
    Range range = Range::in;
    if (for_min < limits.min) {
        range = Range::under;
    } else if (limits.max && for_max > *limits.max) {
        range = Range::over;
    }
    if (range != range_) {
        range_ = range;
        since_ = now;
    }
    if (range != Range::in) {
        if (told_ == range || now - since_ < hold_of(limits)) return Change::none;
        told_ = range;
        told_at_ = now;
        return Change::began;
    }
    if (told_ == Range::in || keep_open || now - since_ < limits.settle) return Change::none;
    told_ = Range::in;
    return Change::ended;
}

std::optional<Time> Judgement::due(const Limits& limits, bool keep_open) const {
    if (range_ != Range::in && told_ != range_) return since_ + hold_of(limits);
    if (range_ == Range::in && told_ != Range::in && !keep_open) return since_ + limits.settle;
    return std::nullopt;
}

} // namespace nezuban
