#pragma once

#include <cstddef>
#include <cstdint>

namespace bqq {

/// The number types that vector files hold, with numpy's names.
enum class Element { f8, f4, f2, i8, i4, i2, i1, u8, u4, u2, u1 };

/// Bytes of one number.
size_t element_size(Element element);
/// numpy's long name, such as "float64".
const char* element_name(Element element);
bool is_integer(Element element);
/// Whether a float holds each value.
bool fits_float(Element element);

/// Converts `count` little-endian numbers.
void convert(Element element, const char* stored, size_t count, float* values);
/// @throws std::invalid_argument  unless is_integer(element); u8 wraps around
void convert(Element element, const char* stored, size_t count, int64_t* values);

} // namespace bqq
