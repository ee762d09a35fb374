// Names and arguments of processes are bytes, JSON strings are Unicode. This maps the one to the other without loss and
// leaves everything readable that was readable.
//
// Valid UTF-8 stays as it is. A byte B that is not part of valid UTF-8 becomes the private code point U+F700 + B, which
// lies in U+F780..U+F7FF. Text that holds such a code point itself has it encoded byte by byte in the same way, so
// every string has one encoding, and decoding gives back exactly what was encoded.
#pragma once

#include <string>
#include <string_view>

namespace nezuban {

[[nodiscard]] std::string bytes_to_utf8(std::string_view bytes);

// The inverse. text is valid UTF-8.
[[nodiscard]] std::string utf8_to_bytes(std::string_view text);

} // namespace nezuban
