#pragma once

#include <bqq/quantizer.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace bqq {

/// Takes or gives the next bytes of a file; throws when it cannot.
using ByteSink = std::function<void(const void* bytes, size_t size)>;
using ByteSource = std::function<void(void* bytes, size_t size)>;

/// Versions of index files that are read. The last one is written.
inline constexpr uint32_t kFirstIndexVersion = 4;
inline constexpr uint32_t kIndexVersion = 8;

/** Writes a quantizer, little-endian: its form, then of each basis the mean, scales, rho and Z.
 * docs/format.md has the fields.
 */
void write_quantizer(const Quantizer& quantizer, const ByteSink& sink);

/// @throws FileError, InvalidArgument  for values that no quantizer has
Quantizer read_quantizer(const ByteSource& source, uint32_t version);

template <class T>
void write_value(const ByteSink& sink, const T& value) {
    sink(&value, sizeof value);
}

template <class T>
T read_value(const ByteSource& source) {
    T value;
    source(&value, sizeof value);
    return value;
}

/// A bool is a byte that is 0 or 1. @throws FileError  for another
bool read_bool(const ByteSource& source, const char* what);

/// Numbers in as many bytes of seven bits as they need, the low ones first.
void write_varint(const ByteSink& sink, uint64_t value);
/// @throws FileError  for more than 64 bits
uint64_t read_varint(const ByteSource& source);

/// Reads n values a piece at a time, so that a wrong size in a truncated file ends the reading, not
/// the memory.
template <class Vector>
Vector read_array(const ByteSource& source, size_t n) {
    Vector values;
    constexpr size_t kPiece = size_t{1} << 20;
    while (values.size() < n) {
        const size_t done = values.size();
        values.resize(done + std::min(kPiece, n - done));
        source(values.data() + done, (values.size() - done) * sizeof(values[0]));
    }
    return values;
}

} // namespace bqq
