// What the running kernel's BTF says it has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct btf;
struct btf_type;

namespace nezuban {

class KernelTypes {
public:
    // Reads /sys/kernel/btf/vmlinux; empty when there is none.
    KernelTypes();

    [[nodiscard]] explicit operator bool() const {
        return kernel_ != nullptr;
    }
    [[nodiscard]] bool has_tracepoint(const std::string& name) const;
    // Without the tracepoint's own context; 0 also when there is no such tracepoint.
    [[nodiscard]] std::size_t arguments_of(const std::string& tracepoint) const;
    [[nodiscard]] bool first_argument_is_pointer(const std::string& tracepoint) const;
    [[nodiscard]] bool has_struct(const std::string& name) const;
    // Of a struct or a union; those of its anonymous ones are its own.
    [[nodiscard]] bool has_member(const std::string& type, const std::string& member) const;
    // Of BPF programs: "BPF_FUNC_snprintf".
    [[nodiscard]] bool has_helper(const std::string& name) const;

private:
    struct Free {
        void operator()(btf* object) const;
    };
    [[nodiscard]] const btf_type* prototype_of(const std::string& tracepoint) const;
    [[nodiscard]] bool has_member(std::uint32_t type, const std::string& member) const;

    std::unique_ptr<btf, Free> kernel_;
};

} // namespace nezuban
