#pragma once

#include "io/element.h"
#include "io/formats/row_reader.h"

namespace bqq {

/// Where the numbers stand in a file.
struct Layout {
    const ElementType* type;
    size_t n;
    size_t d;
    size_t data_offset;
    size_t prefix_bytes = 0; ///< an int32 d precedes each row, as in .fvecs
    bool swapped = false;    ///< big-endian
    bool by_columns = false; ///< Fortran order

    size_t row_bytes() const { return prefix_bytes + d * type->size; }
};

/// Numbers that stand in a file at regular places. @throws FileError  when one side is 0, or there
/// are more than the file holds
RowReaderPointer binary_rows(InputFile file, const Layout& layout);

/// The bytes of the rows. @throws FileError  when they are more than the file has after the offset
size_t checked_bytes(const InputFile& file, const Layout& layout);

} // namespace bqq
