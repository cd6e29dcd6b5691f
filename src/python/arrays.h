#pragma once

#include <faiss/impl/IDSelector.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace bqq::python {

namespace py = pybind11;

/// Rows of float32 numbers, those of the caller's array where it has them one after another.
struct Rows {
    py::array_t<float, py::array::c_style> array;
    int64_t n;
    int64_t d;
    bool is_one; ///< given as a vector, without a dimension for rows

    const float* data() const { return array.data(); }
    size_t size() const { return static_cast<size_t>(n * d); }
};

/** What numpy makes an array of, a DLPack tensor such as torch's included, as float32: numbers of
 * other types (float16, float64, integers) are converted.
 * @param name  of the argument, for messages
 * @param d     numbers of a row, 0 for any
 * @throws py::type_error   for what holds no real numbers
 * @throws py::value_error  unless it is a vector, or a matrix with d columns
 */
Rows to_rows(const py::object& x, const char* name, int64_t d);

using IdArray = py::array_t<int64_t, py::array::c_style>;

/// Integers as int64, a vector.
/// @throws as to_rows(); py::value_error also for another number than n, unless n is negative
IdArray to_ids(const py::object& ids, const char* name, int64_t n = -1);

/// A selector, and what it refers to.
struct Filter {
    std::unique_ptr<faiss::IDSelector> selector; ///< nullptr: all
    std::shared_ptr<void> data;
};

/** @param filter   None, or the ids that may be found: a range, a vector of booleans by id, or ids
 *  @param exclude  None, or those that may not, likewise
 */
Filter to_filter(const py::object& filter, const py::object& exclude);

/// "(3, 4)"
std::string shape_of(const py::array& array);

} // namespace bqq::python
