#pragma once

#include <cstddef>
#include <cstdint>

namespace bqq {

/// The number types that vector files hold, little-endian, with numpy's names.
enum class Element {
    f4, ///< float
    f2, ///< half float
    u1, ///< byte
    i4, ///< int32
    i8, ///< int64
};

/// Bytes of one number.
size_t element_size(Element element);

/// Converts `count` stored numbers. @throws std::invalid_argument  for i4 and i8
void convert(Element element, const char* stored, size_t count, float* values);
/// Converts `count` stored numbers. @throws std::invalid_argument  for anything but i4 and i8
void convert(Element element, const char* stored, size_t count, int64_t* values);

} // namespace bqq
