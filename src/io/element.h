#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bqq {

/// A type of stored numbers, with numpy's names.
struct ElementType {
    std::string_view code; ///< such as "f4"
    std::string_view name; ///< such as "float32"
    size_t size;           ///< bytes of one number
    /// Converts `count` stored numbers, each of which has its bytes in reverse order if `swapped`.
    void (*to_floats)(const char* stored, size_t count, bool swapped, float* values);
    /// The same; nullptr for a type that is not one of integers.
    void (*to_labels)(const char* stored, size_t count, bool swapped, int64_t* values);
};

/// The type of a code or name, nullptr when there is none.
const ElementType* find_element(std::string_view code_or_name);

/// The names of all types: "float64, float32, ..."
std::string element_names();

} // namespace bqq
