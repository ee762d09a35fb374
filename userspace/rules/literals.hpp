// Which of many pieces of text occur in another one: found in one pass over it, however many they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nezuban {

// The automaton of Aho and Corasick. RE2::Set would do as well, but what it takes is known only while it runs: each of
// its states holds a list of all patterns, and it gives up when they don't fit.
class Literals {
public:
    Literals() = default;
    explicit Literals(const std::vector<std::string>& literals);

    // Appends the places (in the vector) of those that occur in the text, in no order, some perhaps more than once.
    void find(std::string_view text, std::vector<int>& out) const;

private:
    using State = std::uint32_t;
    struct Node {
        State fall = 0;             // the longest proper end of this beginning that is a beginning too
        State shorter = 0;          // the nearest on that way where a literal ends; 0: none
        std::vector<int> ends = {}; // the literals that end here
    };

    [[nodiscard]] State child(State node, char byte) const; // 0: there is none
    [[nodiscard]] State step(State node, char byte) const;
    State grow(State node, char byte);
    void link();

    std::vector<Node> nodes_ = {Node{}};
    std::array<State, 256> first_{}; // most bytes of a text lead back to the beginning: without a look at the map
    std::unordered_map<std::uint64_t, State> further_;
};

} // namespace nezuban
