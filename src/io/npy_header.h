#pragma once

#include "io/input_file.h"

#include <cstddef>
#include <string>

namespace bqq {

/** What stands before the numbers of a .npy file of two dimensions, or of one: a single row.
 * Debian packages no C++ library for the format, whose specification is numpy.lib.format.
 */
struct NpyHeader {
    std::string descr;      ///< type of an element, such as "<f4"
    size_t n = 0;           ///< rows
    size_t d = 0;           ///< columns
    bool by_column = false; ///< Fortran order: column after column
    size_t data_offset = 0; ///< where the numbers begin
};

/** Reads the header of format version 1.0, 2.0 or 3.0.
 * @throws FileError  when it is malformed, or has no dimension or more than two
 */
NpyHeader read_npy_header(InputFile& file);

/// The bytes that precede n * d numbers of type `descr`, in format version 1.0.
std::string npy_header(const std::string& descr, size_t n, size_t d);

} // namespace bqq
