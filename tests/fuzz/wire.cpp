// Whatever a helper sends, or a watcher that is not its own: frames are cut out of the stream alike wherever it was cut
// into pieces, and what a decoder accepts means the same when it is said again.
#include "report/wire.hpp"

#include "app/examiner_wire.hpp"
#include "app/prober_wire.hpp"
#include "properties.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nezuban;
using fuzz::require;

struct Cut {
    std::vector<std::string> frames;
    bool broken = false;

    bool operator==(const Cut&) const = default;
};

Cut frames_of(std::string_view stream, std::size_t piece) {
    Cut cut;
    wire::Frames frames;
    for (; !stream.empty() && !frames.broken(); stream.remove_prefix(std::min(piece, stream.size()))) {
        frames.add(stream.substr(0, piece));
        while (const auto frame = frames.next())
            cut.frames.emplace_back(*frame);
    }
    cut.broken = frames.broken();
    return cut;
}

// decode and encode: of a frame without its length, and with it.
void try_decoder(std::string_view frame, const auto& decode, const auto& encode) {
    const auto meant = decode(frame);
    if (!meant) return;
    const std::string said = encode(*meant);
    const auto cut = frames_of(said, said.size());
    require(cut.frames.size() == 1 && !cut.broken);
    const auto again = decode(cut.frames.front());
    require(again && encode(*again) == said);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view stream{reinterpret_cast<const char*>(data), size};
    const auto cut = frames_of(stream, stream.size());
    require(cut == frames_of(stream, 1) && cut == frames_of(stream, 7));
    const auto encode = [](const auto& meant) { return wire::encode(meant); };
    const auto encode_probe = [](const auto& meant) { return prober_wire::encode(meant); };
    for (const auto& frame : cut.frames) {
        try_decoder(frame, wire::decode_note, encode);
        try_decoder(frame, wire::decode_health, encode);
        try_decoder(frame, prober_wire::decode_question, encode_probe);
        try_decoder(frame, prober_wire::decode_answer, encode_probe);
        try_decoder(frame, examiner_wire::decode,
                    [](const auto& meant) { return examiner_wire::encode(meant.round, meant.part); });
    }
    return 0;
}
