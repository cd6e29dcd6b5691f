#include "io/element.h"

#include <Eigen/Core>

#include <bit>
#include <cstring>
#include <stdexcept>

namespace bqq {

static_assert(std::endian::native == std::endian::little, "the files are read as they are stored");

namespace {

template <class Stored, class T>
void convert_each(const char* stored, size_t count, T* values) {
    for (size_t i = 0; i < count; ++i) {
        Stored value;
        std::memcpy(&value, stored + i * sizeof(Stored), sizeof(Stored));
        values[i] = static_cast<T>(value);
    }
}

} // namespace

size_t element_size(Element element) {
    switch (element) {
        case Element::u1:
            return 1;
        case Element::f2:
            return 2;
        case Element::f4:
        case Element::i4:
            return 4;
        case Element::i8:
            return 8;
    }
    throw std::invalid_argument("unknown element type");
}

void convert(Element element, const char* stored, size_t count, float* values) {
    switch (element) {
        case Element::f4:
            return convert_each<float>(stored, count, values);
        case Element::f2:
            return convert_each<Eigen::half>(stored, count, values);
        case Element::u1:
            return convert_each<uint8_t>(stored, count, values);
        default:
            throw std::invalid_argument("the element type is not one of vectors");
    }
}

void convert(Element element, const char* stored, size_t count, int64_t* values) {
    switch (element) {
        case Element::i4:
            return convert_each<int32_t>(stored, count, values);
        case Element::i8:
            return convert_each<int64_t>(stored, count, values);
        default:
            throw std::invalid_argument("the element type is not one of labels");
    }
}

} // namespace bqq
