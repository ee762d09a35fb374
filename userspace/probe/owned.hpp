// What libbpf and the kernel give us, given back by itself.
#pragma once

#include <memory>
#include <utility>

#include <bpf/libbpf.h>
#include <unistd.h>

namespace nezuban {

struct GiveBack {
    void operator()(bpf_link* link) const {
        bpf_link__destroy(link);
    }
    void operator()(ring_buffer* ring) const {
        ring_buffer__free(ring);
    }
    template <typename Skeleton> void operator()(Skeleton* skeleton) const {
        Skeleton::destroy(skeleton);
    }
};

// A skeleton, a link or a ring. Of several in one struct the last one goes first: skeletons come before their links.
template <typename Thing> using Owned = std::unique_ptr<Thing, GiveBack>;

// A descriptor that is closed at the end.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        reset();
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        reset(std::exchange(other.number_, -1));
        return *this;
    }

    [[nodiscard]] int get() const {
        return number_;
    }
    [[nodiscard]] explicit operator bool() const {
        return number_ >= 0;
    }
    void reset(int number = -1) {
        if (number_ >= 0) close(number_);
        number_ = number;
    }

private:
    int number_ = -1;
};

} // namespace nezuban
