#pragma once

#include <bqq/grouped_quantizer.h>

#include <algorithm>
#include <cstddef>
#include <functional>

namespace bqq {

/// Takes or gives the next bytes of a file; throws when it cannot.
using ByteSink = std::function<void(const void* bytes, size_t size)>;
using ByteSource = std::function<void(void* bytes, size_t size)>;

/** Writes a quantizer, little-endian: d, M, depth, metric, is_trained, and if trained mean, scale, rho, Z
 * and the scale codec. B is not written.
 */
void write_quantizer(const BinaryQuadraticQuantizer& quantizer, const ByteSink& sink);

/// @throws std::runtime_error  for values that no quantizer has
BinaryQuadraticQuantizer read_quantizer(const ByteSource& source);

/// Writes the number of groups that were wanted (0 where train() chose: then the wanted depth, too), that of those there are, and the quantizer of each.
void write_groups(const GroupedQuantizer& quantizer, const ByteSink& sink);

/// @throws std::runtime_error  for values that no groups have
GroupedQuantizer read_groups(const ByteSource& source);

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

/// Reads n values a piece at a time, so that a wrong size in a truncated file ends the reading, not the memory.
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
