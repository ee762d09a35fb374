#include "rules/census.hpp"

#include <algorithm>
#include <iterator>

namespace nezuban {

namespace {

constexpr std::uint32_t handful = 8; // the commands of a pipeline
constexpr Duration ask_again = std::chrono::seconds(1);
constexpr Duration ask_soon = std::chrono::milliseconds(100);

} // namespace

bool Census::add(const Identity& id, std::optional<Time> young_until) {
    auto [place, fresh] = members_.try_emplace(id);
    if (!fresh) return false;
    if (ask_all_at_) unasked_.insert(id);
    if (young_until) {
        place->second.young = true;
        young_.emplace_back(*young_until, id);
        ++young_count_;
    }
    return true;
}

bool Census::remove(const Identity& id) {
    const auto found = members_.find(id);
    if (found == members_.end()) return false;
    if (found->second.young) --young_count_;
    if (found->second.leaving) --leaving_count_;
    members_.erase(found);
    unasked_.erase(id);
    return true;
}

void Census::mature(Time now) {
    while (!young_.empty() && young_.front().first <= now) {
        const auto found = members_.find(young_.front().second);
        if (found != members_.end() && found->second.young) {
            found->second.young = false;
            --young_count_;
        }
        young_.pop_front();
    }
}

std::uint32_t Census::judged_for_max(std::uint32_t max) const {
    return count() - std::min(young_count_, std::max(handful, max / 50));
}

std::optional<Time> Census::next_maturity() const {
    if (young_count_ == 0) return std::nullopt;
    return young_.front().first;
}

std::vector<Identity> Census::take_excess(std::uint32_t max, const std::function<Ending(const Identity&)>& ending_of,
                                          Time now) {
    std::vector<Identity> excess;
    const std::uint32_t staying = count() - leaving_count_;
    std::uint32_t wanted = staying > max ? staying - max : 0;
    const auto ask = [&](const Identity& id, Member& member) {
        if (member.leaving || member.refused) return;
        const auto ending = ending_of(id);
        if (ending == Ending::forbidden) return;
        --wanted;
        if (ending == Ending::uncalled_for) return;
        member.leaving = true;
        ++leaving_count_;
        excess.push_back(id);
    };
    if (ask_all_at_ && now < *ask_all_at_) {
        while (wanted > 0 && !unasked_.empty()) {
            const auto newest = unasked_.extract(std::prev(unasked_.end())).value();
            ask(newest, members_.at(newest));
        }
        return excess;
    }
    for (auto it = members_.rbegin(); it != members_.rend() && wanted > 0; ++it) {
        ask(it->first, it->second);
    }
    ask_all_at_.reset();
    unasked_.clear();
    if (wanted > 0) ask_all_at_ = now + ask_again;
    return excess;
}

bool Census::on_the_way_out(const Identity& id) const {
    const auto found = members_.find(id);
    return found != members_.end() && found->second.leaving;
}

// Absent: it was not on the way out.
Census::Member* Census::stay(const Identity& id) {
    const auto found = members_.find(id);
    if (found == members_.end() || !found->second.leaving) return nullptr;
    found->second.leaving = false;
    --leaving_count_;
    return &found->second;
}

void Census::refuse(const Identity& id) {
    if (auto* member = stay(id)) member->refused = true;
}

bool Census::keep(const Identity& id, Time now) {
    if (stay(id) == nullptr) return false;
    if (!ask_all_at_) ask_all_at_ = now + ask_soon;
    return true;
}

std::vector<Identity> Census::all() const {
    std::vector<Identity> ids;
    ids.reserve(members_.size());
    for_each([&](const Identity& id) { ids.push_back(id); });
    return ids;
}

} // namespace nezuban
