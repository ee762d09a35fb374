#include "probe/device.hpp"

#include "probe/libbpf.hpp"
#include "probe/owned.hpp"
#include "probe/seq_buffer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <bpf/bpf.h>
#include <unistd.h>

#include <device.skel.h>

namespace nezuban {

namespace {

std::string text_of(const char (&text)[NZ_DEVICE_NAME]) {
    return {text, strnlen(text, sizeof text)};
}

} // namespace

FoundDevice decode(const nz_device& told) {
    constexpr unsigned minor_bits = 20; // include/linux/kdev_t.h
    return {.thread = {.tid = told.tid, .start_ns = told.thread_start_ns},
            .switches = told.switches,
            .device = {.major = told.device >> minor_bits,
                       .minor = told.device & ((1U << minor_bits) - 1),
                       .name = text_of(told.name),
                       .file_system = text_of(told.file_system)}};
}

struct DeviceScan::State {
    Owned<device_bpf> skeleton;
    SeqBuffer buffer;
};

DeviceScan::DeviceScan(std::unique_ptr<State> state) : state_(std::move(state)) {}
DeviceScan::~DeviceScan() = default;
DeviceScan::DeviceScan(DeviceScan&&) noexcept = default;
DeviceScan& DeviceScan::operator=(DeviceScan&&) noexcept = default;

Result<DeviceScan> DeviceScan::load() {
    const LibbpfLog log;
    auto state = std::make_unique<State>();
    state->skeleton.reset(device_bpf__open_and_load());
    if (!state->skeleton) return log.error("loading the device scan", errno);
    if (const int error = device_bpf__attach(state->skeleton.get()); error != 0)
        return log.error("attaching the device scan", -error);
    return DeviceScan(std::move(state));
}

Result<void> DeviceScan::look(std::span<const std::uint32_t> tids, const std::function<void(FoundDevice)>& sink) {
    auto& asked = state_->skeleton->bss->wish.asked;
    std::ranges::fill(asked, 0);
    for (const auto tid : tids)
        asked[tid >> 6U & (NZ_DEVICE_ASKED - 1)] |= 1ULL << (tid & 63U);
    const Descriptor pass(bpf_iter_create(bpf_link__fd(state_->skeleton->links.find_device)));
    if (!pass) return fail(std::string("starting the device scan: ") + std::strerror(errno), errno);
    for (;;) {
        const auto size = ::read(pass.get(), state_->buffer.data(), state_->buffer.size());
        if (size == 0) return {};
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (size < 0) return fail(std::string("reading the device scan: ") + std::strerror(errno), errno);
        auto bytes = state_->buffer.first(static_cast<std::size_t>(size));
        for (; bytes.size() >= sizeof(nz_device); bytes = bytes.subspan(sizeof(nz_device))) {
            nz_device told{};
            std::memcpy(&told, bytes.data(), sizeof told);
            sink(decode(told));
        }
    }
}

} // namespace nezuban
