#pragma once

#include "io/formats/row_reader.h"
#include "io/matrix.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace bqq {

inline constexpr size_t all_rows = std::numeric_limits<size_t>::max();

/** A file of vectors or labels, of which rows are read when they are asked for. Its suffix, in any
 * case, names the format:
 *
 *     .npy                     one dimension (one row) or two
 *     .npz, .hdf5, .h5         several arrays: FILE:NAME names one
 *     .fvecs .bvecs .ivecs     rows of an int32 d and d numbers
 *     .fbin .u8bin .i8bin .ibin  uint32 n, uint32 d, rows
 *     .csv, .tsv               text; FILE:COLUMN is one column
 *     .raw                     numbers alone
 *
 * "-" is standard input. It, a pipe and a file with another suffix need FileHints::format, unless
 * their first bytes are those of .npy, .npz or HDF5.
 */
class VectorFile {
public:
    /// @throws FileError  when the file is missing, empty, truncated or of another format; the
    ///         message begins with the path
    explicit VectorFile(const std::string& name, const FileHints& hints = {});

    const std::string& name() const { return name_; }
    size_t n() const { return rows_->n; }
    size_t d() const { return rows_->d; }
    /// What the numbers are in the file, such as "float32".
    const std::string& stored() const { return rows_->stored; }
    bool has_ids() const { return rows_->has_ids; }

    /// Rows begin to begin + count - 1. @param values  output, size count * d
    /// @throws FileError  when the file is wrong there, or labels are no integers
    void read(size_t begin, size_t count, float* values) { rows_->read(begin, count, values); }
    void read(size_t begin, size_t count, int64_t* values) { rows_->read(begin, count, values); }
    void read_ids(size_t begin, size_t count, int64_t* ids) { rows_->read_ids(begin, count, ids); }

    /// The first `limit` rows.
    template <class T>
    Matrix<T> matrix(size_t limit = all_rows) {
        Matrix<T> rows{std::min(n(), limit), d(), {}};
        rows.values.resize(rows.n * rows.d);
        read(0, rows.n, rows.values.data());
        return rows;
    }

private:
    std::string name_;
    RowReaderPointer rows_;
};

/// All of a file, or its first rows.
Matrix<float> read_vectors(const std::string& name, size_t limit = all_rows);
Matrix<int64_t> read_labels(const std::string& name, size_t limit = all_rows);

/** @param name  named by the message: "base.npy: row 3, column 7 is nan", counted from 0
 *  @param first  row of the file that vectors begin with
 *  @param as     follows the value: " as float32"
 *  @throws FileError  when a value is NaN or infinite
 */
void check_finite(
        const Matrix<float>& vectors, const std::string& name, size_t first = 0,
        const std::string& as = "");

/// The path that a name such as FILE:MEMBER is about; "-" for standard input.
std::string path_of(const std::string& name);

} // namespace bqq
