#pragma once

#include "io/element.h"
#include "io/input_file.h"
#include "io/matrix.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace bqq {

inline constexpr size_t all_rows = std::numeric_limits<size_t>::max();

/** A file of rows of numbers, read in pieces. Its extension, in any case, names the format:
 *
 *     .fvecs .bvecs .ivecs  rows of an int32 d and d floats, bytes or int32
 *     .fbin .u8bin .i8bin .ibin  uint32 n, uint32 d, rows of floats, uint8, int8 or int32
 *     .npy  one dimension (a single row) or two, either order and endianness, floats and integers
 *
 * All members throw FileError when the file is missing, empty, truncated or of another format; the
 * message begins with the path.
 */
class VectorFile {
public:
    explicit VectorFile(const std::string& path);

    const std::string& path() const { return path_; }
    size_t n() const { return layout_.n; } ///< rows
    size_t d() const { return layout_.d; } ///< columns
    /// What reading as floats changes, such as "float64, converted to float32"; else empty.
    std::string conversion() const;

    /// @param values  output, size count * d()
    void read(size_t begin, size_t count, float* values);
    /// @throws FileError  unless the numbers are integers
    void read(size_t begin, size_t count, int64_t* values);

private:
    /// Where the numbers stand in the file, in bytes.
    struct Layout {
        Element element{};
        bool big_endian = false;
        size_t n = 0, d = 0;
        size_t first = 0; ///< number (0, 0)
        size_t row = 0;   ///< from a number to that of the next row
        size_t column = 0;
        bool d_before_row = false; ///< an int32 d precedes each row
    };

    std::string path_;
    InputFile file_;
    Layout layout_;

    Layout npy_layout();
    Layout vecs_layout(Element element);
    Layout bin_layout(Element element);
    template <class T>
    void read_as(size_t begin, size_t count, T* values);
    template <class T>
    void convert_run(char* stored, size_t count, T* values) const;
    void check_prefix(size_t row, const char* stored) const;
};

/// The first rows of a file, at most `limit`, as VectorFile reads them.
Matrix<float> read_vectors(const std::string& path, size_t limit = all_rows);
/// Labels, such as the true neighbours of queries. @throws FileError  unless they are integers
Matrix<int64_t> read_labels(const std::string& path, size_t limit = all_rows);

/** @param path   named by the message: "base.npy: row 3, column 7 is nan", counted from 0
 * @param first  row of the file that the first vector is
 * @throws FileError  when a value is NaN or infinite
 */
void check_finite(const Matrix<float>& vectors, const std::string& path, size_t first = 0);

} // namespace bqq
