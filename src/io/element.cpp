#include "io/element.h"

#include <Eigen/Core>

#include <bit>
#include <cstring>
#include <stdexcept>

namespace bqq {

static_assert(std::endian::native == std::endian::little, "the files are read as they are stored");

namespace {

/// Calls visit(value of the type that an element has, its name).
template <class Visit>
auto visit_element(Element element, const Visit& visit) {
    switch (element) {
        case Element::f8:
            return visit(double{}, "float64");
        case Element::f4:
            return visit(float{}, "float32");
        case Element::f2:
            return visit(Eigen::half{}, "float16");
        case Element::i8:
            return visit(int64_t{}, "int64");
        case Element::i4:
            return visit(int32_t{}, "int32");
        case Element::i2:
            return visit(int16_t{}, "int16");
        case Element::i1:
            return visit(int8_t{}, "int8");
        case Element::u8:
            return visit(uint64_t{}, "uint64");
        case Element::u4:
            return visit(uint32_t{}, "uint32");
        case Element::u2:
            return visit(uint16_t{}, "uint16");
        case Element::u1:
            return visit(uint8_t{}, "uint8");
    }
    throw std::invalid_argument("unknown element type");
}

template <class T>
void convert_each(Element element, const char* stored, size_t count, T* values) {
    visit_element(element, [&](auto value, const char*) {
        for (size_t i = 0; i < count; ++i) {
            std::memcpy(&value, stored + i * sizeof(value), sizeof(value));
            values[i] = static_cast<T>(value); // NOLINT(bugprone-signed-char-misuse): a number
        }
    });
}

} // namespace

size_t element_size(Element element) {
    return visit_element(element, [](auto value, const char*) { return sizeof(value); });
}

const char* element_name(Element element) {
    return visit_element(element, [](auto, const char* name) { return name; });
}

bool is_integer(Element element) {
    return element != Element::f8 && element != Element::f4 && element != Element::f2;
}

bool fits_float(Element element) {
    return element_size(element) < 4 || element == Element::f4;
}

void convert(Element element, const char* stored, size_t count, float* values) {
    convert_each(element, stored, count, values);
}

void convert(Element element, const char* stored, size_t count, int64_t* values) {
    if (!is_integer(element)) throw std::invalid_argument("labels are integers");
    convert_each(element, stored, count, values);
}

} // namespace bqq
