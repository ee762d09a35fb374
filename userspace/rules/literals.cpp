#include "rules/literals.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nezuban {

namespace {

constexpr unsigned bits_of_byte = 8;

std::uint64_t edge(std::uint32_t node, unsigned char byte) {
    return std::uint64_t{node} << bits_of_byte | byte;
}

} // namespace

Literals::Literals(const std::vector<std::string>& literals) {
    for (std::size_t i = 0; i < literals.size(); ++i) {
        State at = 0;
        for (const char byte : literals[i]) {
            at = grow(at, byte);
        }
        nodes_[at].ends.push_back(static_cast<int>(i));
    }
    link();
}

Literals::State Literals::child(State node, char byte) const {
    const auto value = static_cast<unsigned char>(byte);
    if (node == 0) return first_.at(value);
    const auto found = further_.find(edge(node, value));
    return found == further_.end() ? 0 : found->second;
}

Literals::State Literals::step(State node, char byte) const {
    for (;;) {
        const auto next = child(node, byte);
        if (next != 0 || node == 0) return next;
        node = nodes_[node].fall;
    }
}

Literals::State Literals::grow(State node, char byte) {
    if (const auto known = child(node, byte); known != 0) return known;
    const auto fresh = static_cast<State>(nodes_.size());
    nodes_.emplace_back();
    const auto value = static_cast<unsigned char>(byte);
    if (node == 0)
        first_.at(value) = fresh;
    else
        further_.emplace(edge(node, value), fresh);
    return fresh;
}

// By length: where a beginning falls back to is shorter, so it has been linked before.
void Literals::link() {
    std::vector<std::vector<std::pair<char, State>>> children(nodes_.size());
    std::vector<State> by_length;
    std::ranges::copy_if(first_, std::back_inserter(by_length), [](State state) { return state != 0; });
    for (const auto& [from, to] : further_) {
        children[from >> bits_of_byte].emplace_back(static_cast<char>(from & 0xffU), to);
    }
    for (std::size_t i = 0; i < by_length.size(); ++i) {
        const auto node = by_length[i];
        for (const auto& [byte, next] : children[node]) {
            const auto fall = step(nodes_[node].fall, byte);
            nodes_[next].fall = fall;
            nodes_[next].shorter = nodes_[fall].ends.empty() ? nodes_[fall].shorter : fall;
            by_length.push_back(next);
        }
    }
}

void Literals::find(std::string_view text, std::vector<int>& out) const {
    out.insert(out.end(), nodes_[0].ends.begin(), nodes_[0].ends.end()); // nothing is everywhere
    State at = 0;
    for (const char byte : text) {
        at = step(at, byte);
        for (auto node = at; node != 0; node = nodes_[node].shorter) {
            out.insert(out.end(), nodes_[node].ends.begin(), nodes_[node].ends.end());
        }
    }
}

} // namespace nezuban
