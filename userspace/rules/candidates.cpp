#include "rules/candidates.hpp"

#include "rules/glob.hpp"
#include "rules/matcher.hpp"

#include <algorithm>

#include <re2/re2.h>

namespace nezuban {

namespace {

template <typename Key>
void append(const std::unordered_map<Key, Candidates::Places>& known, const Key& key, Candidates::Places& out) {
    const auto found = known.find(key);
    if (found != known.end()) out.insert(out.end(), found->second.begin(), found->second.end());
}

} // namespace

Candidates::Candidates(const std::vector<MatchSpec>& rules) {
    std::array<Shares, 2> shares;
    for (const auto& rule : rules) {
        for (auto& handle : handles_of(rule)) {
            ++shares.at(rule.kernel_thread ? 1 : 0)[std::move(handle)];
        }
    }
    for (std::size_t place = 0; place < rules.size(); ++place) {
        const std::size_t kind = rules[place].kernel_thread ? 1 : 0;
        file(kinds_.at(kind), place, best_of(handles_of(rules[place]), shares.at(kind)));
    }
    for (auto& kind : kinds_) {
        for (auto& [field, pattern] : kind.patterns) {
            pattern.filter.emplace(std::exchange(pattern.expressions, {}));
        }
    }
}

// Where as many others share each, the one that costs least to look up, and then the one that fewer processes have.
std::vector<Candidates::Handle> Candidates::handles_of(const MatchSpec& rule) {
    std::vector<Handle> handles;
    if (rule.comm && rule.kernel_thread)
        handles.emplace_back(Field::name, expression_of_glob(*rule.comm, Slash::is_plain));
    if (rule.comm && !rule.kernel_thread) handles.emplace_back(Field::comm, *rule.comm);
    if (rule.exe) handles.emplace_back(Field::exe, expression_of_glob(*rule.exe));
    for (const auto& argument : rule.args) {
        handles.emplace_back(Field::args, re2::RE2::QuoteMeta(argument));
    }
    if (rule.args_regex) handles.emplace_back(Field::args, *rule.args_regex);
    if (rule.unit) handles.emplace_back(Field::cgroups, re2::RE2::QuoteMeta(*rule.unit));
    if (rule.cgroup) handles.emplace_back(Field::cgroups, expression_of_glob(*rule.cgroup));
    if (rule.user) handles.emplace_back(Field::user, std::to_string(rule.user->id));
    if (rule.group) handles.emplace_back(Field::group, std::to_string(rule.group->id));
    return handles;
}

std::optional<Candidates::Handle> Candidates::best_of(std::vector<Handle> handles, const Shares& shares) {
    std::vector<std::pair<std::size_t, std::size_t>> order; // shared by so many, at this place
    order.reserve(handles.size());
    for (std::size_t place = 0; place < handles.size(); ++place) {
        order.emplace_back(shares.at(handles[place]), place);
    }
    std::ranges::sort(order);
    for (const auto& [sharing, place] : order) {
        auto& handle = handles[place];
        const bool exact = handle.first == Field::comm || handle.first == Field::user || handle.first == Field::group;
        if (exact || PatternFilter::can_rule_out(handle.second)) return std::move(handle);
    }
    return std::nullopt;
}

void Candidates::file(Kind& kind, std::size_t place, const std::optional<Handle>& handle) {
    if (!handle) {
        kind.everybody.push_back(place);
        return;
    }
    const auto& [field, text] = *handle;
    const auto id = [&] { return static_cast<std::uint32_t>(std::stoul(text)); };
    switch (field) {
    case Field::comm: kind.by_comm[text].push_back(place); break;
    case Field::user: kind.by_user[id()].push_back(place); break;
    case Field::group: kind.by_group[id()].push_back(place); break;
    default: kind.patterns[field].places.push_back(place); kind.patterns[field].expressions.push_back(text);
    }
}

std::optional<std::string> Candidates::text_of(Field field, const Process& process) {
    switch (field) {
    case Field::exe: return process.exe ? std::optional(*process.exe) : std::nullopt;
    case Field::args: return process.args ? std::optional(as_line(*process.args)) : std::nullopt;
    case Field::cgroups: return process.cgroups ? std::optional(*process.cgroups) : std::nullopt;
    default: return process.name ? process.comm + '\n' + *process.name : process.comm;
    }
}

void Candidates::find(const Process& process, Places& out) const {
    const auto& kind = kinds_.at(process.kernel_thread ? 1 : 0);
    const auto before = out.size();
    out.insert(out.end(), kind.everybody.begin(), kind.everybody.end());
    append(kind.by_comm, process.comm, out);
    append(kind.by_user, process.uid, out);
    append(kind.by_group, process.gid, out);
    for (const auto& [field, pattern] : kind.patterns) {
        const auto text = text_of(field, process);
        if (!text) continue;
        const auto first = out.size();
        pattern.filter->find(*text, out);
        for (auto i = first; i < out.size(); ++i) {
            out[i] = pattern.places[out[i]];
        }
    }
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(before), out.end());
}

} // namespace nezuban
