#pragma once

#include "io/input_file.h"

#include <cstddef>
#include <string>

namespace bqq {

/** What stands before the numbers of a .npy file of one dimension, which is one row, or of two.
 * Debian packages no C++ library for the format, whose specification is numpy.lib.format.
 */
struct NpyHeader {
    std::string descr;          ///< type of an element, such as "<f4"
    bool fortran_order = false; ///< the numbers of a column follow each other, not those of a row
    size_t n = 0;               ///< rows
    size_t d = 0;               ///< columns
    size_t data_offset = 0;     ///< where the numbers begin
};

/** Reads the header of format version 1.0, 2.0 or 3.0.
 * @throws FileError  when it is malformed, or of no or more than two dimensions
 */
NpyHeader read_npy_header(InputFile& file);

/// The bytes that precede n * d numbers of type `descr`, in format version 1.0.
std::string npy_header(const std::string& descr, size_t n, size_t d);

} // namespace bqq
