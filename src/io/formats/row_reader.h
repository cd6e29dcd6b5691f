#pragma once

#include "io/input_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bqq {

/// What the name of a file does not say.
struct FileHints {
    std::string format = "";    ///< of a file whose suffix names none, such as "npy"
    std::string dtype = "";     ///< of raw numbers, and of uint16 in .npy
    size_t dim = 0;             ///< of raw numbers
    std::string member = "";    ///< of HDF5 and .npz with several, where the name says none
    std::string id_column = ""; ///< CSV: its name, or its number from 0; "id" if there is one
};

/// Rows of numbers in a file of one format.
class RowReader {
public:
    virtual ~RowReader() = default;

    /// Rows begin to begin + count - 1, below n. @param values  output, size count * d
    /// @throws FileError  when the file is wrong there or cannot be read
    virtual void read(size_t begin, size_t count, float* values) = 0;
    /// @throws FileError  also where numbers are no integers
    virtual void read(size_t begin, size_t count, int64_t* values) = 0;
    /// Ids that stand in the rows; only for has_ids.
    virtual void read_ids(size_t /*begin*/, size_t /*count*/, int64_t* /*ids*/) {}

    size_t n = 0; ///< rows, at least 1
    size_t d = 0; ///< numbers of a row, at least 1
    bool has_ids = false;
    std::string stored = "float32"; ///< type of the numbers, and their order if it is unusual
};

using RowReaderPointer = std::unique_ptr<RowReader>;

// Each opens a file of its format. @param member  of the file, where it has several; may be empty
// @throws FileError  when the file is of another format, truncated, or says what cannot be

RowReaderPointer open_npy(InputFile file, const std::string& member, const FileHints& hints);
RowReaderPointer open_npz(InputFile file, const std::string& member, const FileHints& hints);
RowReaderPointer open_hdf5(InputFile file, const std::string& member, const FileHints& hints);
RowReaderPointer open_raw(InputFile file, const std::string& member, const FileHints& hints);
/// Rows of an int32 d and d numbers: .fvecs, .bvecs, .ivecs
RowReaderPointer open_vecs(InputFile file, const char* dtype);
/// Of big-ann-benchmarks: uint32 n, uint32 d, rows. After integers as many distances may follow.
RowReaderPointer open_bin(InputFile file, const char* dtype);
/// Text: lines of numbers; the first may be a header, and lines that begin with # are skipped.
/// @param member  the only column to read; without it, all but that of ids
RowReaderPointer open_csv(
        InputFile file, char separator, const std::string& member, const FileHints& hints);

/** The one of `names` that is asked for, else the hint if it is there, else the only one.
 * @throws FileError  when there is none; the message lists the names
 */
std::string choose_member(
        const InputFile& file, const std::string& asked, const std::string& hint,
        const std::vector<std::string>& names);

/// A to Z as a to z.
std::string lower_case(std::string text);

} // namespace bqq
