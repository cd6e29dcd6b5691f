#include "io/element.h"

#include <Eigen/Core>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

namespace bqq {

static_assert(std::endian::native == std::endian::little, "the files are read as they are stored");

namespace {

template <class Stored, class T>
void convert_each(const char* stored, size_t count, bool swapped, T* values) {
    for (size_t i = 0; i < count; ++i) {
        std::array<char, sizeof(Stored)> bytes;
        std::memcpy(bytes.data(), stored + i * sizeof(Stored), sizeof(Stored));
        if (swapped) std::reverse(bytes.begin(), bytes.end());
        Stored value;
        std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof(Stored));
        values[i] = static_cast<T>(value); // NOLINT(bugprone-signed-char-misuse): int8 are numbers
    }
}

template <class Stored>
constexpr ElementType element(std::string_view code, std::string_view name) {
    ElementType type{code, name, sizeof(Stored), convert_each<Stored, float>, nullptr};
    if constexpr (std::is_integral_v<Stored>) type.to_labels = convert_each<Stored, int64_t>;
    return type;
}

constexpr std::array kElements{
        element<double>("f8", "float64"),      element<float>("f4", "float32"),
        element<Eigen::half>("f2", "float16"), element<Eigen::bfloat16>("bf2", "bfloat16"),
        element<int8_t>("i1", "int8"),         element<uint8_t>("u1", "uint8"),
        element<int16_t>("i2", "int16"),       element<uint16_t>("u2", "uint16"),
        element<int32_t>("i4", "int32"),       element<uint32_t>("u4", "uint32"),
        element<int64_t>("i8", "int64"),       element<uint64_t>("u8", "uint64")};

} // namespace

const ElementType* find_element(std::string_view code_or_name) {
    const auto* found = std::find_if(kElements.begin(), kElements.end(), [&](const auto& type) {
        return type.code == code_or_name || type.name == code_or_name;
    });
    return found == kElements.end() ? nullptr : found;
}

std::string element_names() {
    std::string names;
    for (const ElementType& type : kElements)
        names += (names.empty() ? "" : ", ") + std::string(type.name);
    return names;
}

} // namespace bqq
