#include "probe/kernel_types.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include <bpf/btf.h>

namespace nezuban {

void KernelTypes::Free::operator()(btf* object) const {
    btf__free(object);
}

KernelTypes::KernelTypes() : kernel_(btf__load_vmlinux_btf()) {}

// The function behind a tracepoint, from "typedef void (*btf_trace_NAME)(void *, ...)".
const btf_type* KernelTypes::prototype_of(const std::string& tracepoint) const {
    const auto id = btf__find_by_name_kind(kernel_.get(), ("btf_trace_" + tracepoint).c_str(), BTF_KIND_TYPEDEF);
    if (id < 0) return nullptr;
    const auto* type =
        btf__type_by_id(kernel_.get(), btf__type_by_id(kernel_.get(), static_cast<std::uint32_t>(id))->type);
    if (type == nullptr || !btf_is_ptr(type)) return nullptr;
    const auto* function = btf__type_by_id(kernel_.get(), type->type);
    return function != nullptr && btf_is_func_proto(function) ? function : nullptr;
}

bool KernelTypes::has_tracepoint(const std::string& name) const {
    return prototype_of(name) != nullptr;
}

std::size_t KernelTypes::arguments_of(const std::string& tracepoint) const {
    const auto* prototype = prototype_of(tracepoint);
    return prototype == nullptr ? 0 : static_cast<std::size_t>(btf_vlen(prototype)) - 1U;
}

bool KernelTypes::first_argument_is_pointer(const std::string& tracepoint) const {
    if (arguments_of(tracepoint) == 0) return false;
    const auto* type = btf__type_by_id(kernel_.get(), btf_params(prototype_of(tracepoint))[1].type);
    return type != nullptr && btf_is_ptr(type);
}

bool KernelTypes::has_struct(const std::string& name) const {
    return btf__find_by_name_kind(kernel_.get(), name.c_str(), BTF_KIND_STRUCT) >= 0;
}

bool KernelTypes::has_member(const std::string& type, const std::string& member) const {
    return std::ranges::any_of(std::initializer_list<std::uint32_t>{BTF_KIND_STRUCT, BTF_KIND_UNION}, [&](auto kind) {
        const auto id = btf__find_by_name_kind(kernel_.get(), type.c_str(), kind);
        return id >= 0 && has_member(static_cast<std::uint32_t>(id), member);
    });
}

bool KernelTypes::has_member(std::uint32_t type, const std::string& member) const {
    const auto* composite = btf__type_by_id(kernel_.get(), type);
    if (composite == nullptr || !btf_is_composite(composite)) return false;
    return std::ranges::any_of(std::span(btf_members(composite), btf_vlen(composite)), [&](const btf_member& one) {
        const std::string_view name = btf__name_by_offset(kernel_.get(), one.name_off);
        return name.empty() ? has_member(one.type, member) : name == member;
    });
}

bool KernelTypes::has_helper(const std::string& name) const {
    const auto id = btf__find_by_name_kind(kernel_.get(), "bpf_func_id", BTF_KIND_ENUM);
    if (id < 0) return false;
    const auto* all = btf__type_by_id(kernel_.get(), static_cast<std::uint32_t>(id));
    return std::ranges::any_of(std::span(btf_enum(all), btf_vlen(all)), [&](const struct btf_enum& one) {
        return name == btf__name_by_offset(kernel_.get(), one.name_off);
    });
}

} // namespace nezuban
