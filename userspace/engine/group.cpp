#include "engine/group.hpp"

#include "core/tell.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

RestartSpec budget_of(const GroupSpec& spec) {
    return {.attempts = spec.attempts.value_or(std::numeric_limits<std::uint32_t>::max()), .window = spec.window};
}

auto order_of(const Fall& fall) {
    return std::tuple(fall.at, fall.depth);
}

} // namespace

Group::Group(GroupSpec spec) : spec_(std::move(spec)), budget_(budget_of(spec_)) {}

void Group::fell(Fall fall) {
    if (fall_of(fall.rule) == nullptr) falls_.push_back(std::move(fall));
}

void Group::put_to_rest(std::string_view rule) {
    std::erase_if(falls_, [&](const Fall& fall) { return fall.rule == rule; });
    std::erase(followed_, rule);
}

void Group::followed(std::string_view rule) {
    if (!has_followed(rule)) followed_.emplace_back(rule);
}

bool Group::has_followed(std::string_view rule) const {
    return std::ranges::find(followed_, rule) != followed_.end();
}

const Fall* Group::root_cause() const {
    const auto first = std::ranges::min_element(falls_, {}, order_of);
    return first == falls_.end() ? nullptr : &*first;
}

const Fall* Group::fall_of(std::string_view rule) const {
    const auto found = std::ranges::find(falls_, rule, &Fall::rule);
    return found == falls_.end() ? nullptr : &*found;
}

std::vector<std::string> Group::others() const {
    auto falls = falls_;
    std::ranges::sort(falls, {}, order_of);
    std::vector<std::string> names;
    names.reserve(falls.size() + followed_.size());
    for (const auto& fall : falls) {
        names.push_back(fall.rule);
    }
    for (const auto& rule : followed_) {
        if (std::ranges::find(names, rule) == names.end()) names.push_back(rule);
    }
    if (!names.empty()) names.erase(names.begin());
    return names;
}

std::string Group::tell_mended(Time now) const {
    const auto* root = root_cause();
    const auto rest = others();
    return fmt::format("{} is whole again, {} after {} fell first: {}{}", spec_.name, tell(now - root->at), root->rule,
                       root->reason, rest.empty() ? "" : fmt::format("; with it {}", fmt::join(rest, ", ")));
}

void Group::forget() {
    falls_.clear();
    followed_.clear();
    told_ = false;
}

bool Group::spent(Time now) const {
    return spec_.attempts && budget_.spent(now);
}

std::string Group::tell_spent(Time now) const {
    return fmt::format("{} restarts of group {} within {} are spent", budget_.used(now), spec_.name,
                       tell(spec_.window));
}

void Group::add_attempt(Time now) {
    if (spec_.attempts) budget_.add_attempt(now);
}

void Group::clear_attempts() {
    budget_.clear();
}

void Group::inherit(const Group& before) {
    restore(before.memory());
    falls_ = before.falls_;
    followed_ = before.followed_;
    told_ = before.told_;
    const auto& members = spec_.members;
    const auto stranger = [&](const std::string& rule) { return std::ranges::find(members, rule) == members.end(); };
    std::erase_if(falls_, [&](const Fall& fall) { return stranger(fall.rule); });
    std::erase_if(followed_, stranger);
    if (falls_.empty()) forget();
}

void Group::restore(const RuleMemory& memory) {
    budget_.restore(memory);
}

RuleMemory Group::memory() const {
    RuleMemory memory{.rule = memory_name(spec_.name), .attempts = {}, .exhausted_reason = {}};
    budget_.store(memory);
    return memory;
}

std::string Group::memory_name(std::string_view group) {
    return fmt::format("group/{}", group);
}

void Group::fill(GroupView& view, Time now) const {
    if (spec_.attempts) {
        view.attempts = spec_.attempts;
        view.attempts_used = budget_.used(now);
    }
    const auto* root = told_ ? root_cause() : nullptr;
    if (root == nullptr) return;
    view.root_cause = root->rule;
    view.reason = root->reason;
    view.since = root->at;
    view.consequences = others();
}

} // namespace nezuban
