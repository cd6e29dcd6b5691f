#pragma once

#include "command/arguments.h"
#include "io/matrix.h"
#include "io/vector_file.h"

#include <faiss/Index.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bqq::command {

/// The formats that the command reads, for its help texts.
inline constexpr const char* kVectorFormats =
        ".npy, .npz, .hdf5, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin, .ibin, .csv, .tsv, "
        ".raw; - for standard input";

/// The options --format, --dtype, --dim and --id-column.
struct FormatOptions {
    FileHints hints;

    void add_to(CLI::App& app);
    /// @param member  of files with several
    FileHints with_member(const std::string& member) const;
};

/// Vectors of a file, read in pieces: checked for NaN and infinity, and scaled to norm one where
/// the metric asks for it (a zero vector stays zero).
class InputVectors {
public:
    /// Tells on standard error when the numbers of the file are not float32.
    /// @param limit  at most so many, the first ones
    InputVectors(
            const std::string& name, const MetricChoice& metric, const FileHints& hints,
            size_t limit = all_rows);

    const std::string& name() const { return file_.name(); }
    size_t n() const { return n_; }
    size_t d() const { return file_.d(); }
    /// Rows of a piece of some MB.
    size_t piece_rows() const;

    /// @throws std::runtime_error  for a value that is NaN or infinite, and as VectorFile does
    Matrix<float> read(size_t begin, size_t count);
    Matrix<float> read_all() { return read(0, n_); }
    /// `count` different rows in their order, chosen by the seed alone.
    Matrix<float> sample(size_t count, uint64_t seed);

    /** The ids of the vectors: those of a file, else those of the file's own column of ids, else
     * none.
     * @throws std::runtime_error  for another number of ids than rows, or as check_ids does
     */
    std::vector<int64_t> ids(const std::optional<std::string>& ids_name, const FileHints& hints);

private:
    VectorFile file_;
    bool normalize_;
    size_t n_;
};

/// All vectors of a file, queries unless the hints name another member.
Matrix<float> read_inputs(
        const std::string& path, const MetricChoice& metric, size_t limit = all_rows,
        const FileHints& hints = {.member = "test"});

/// The options --base and --base-count, and those of formats: the vectors of an index.
struct BaseOptions {
    std::string path;
    std::optional<int64_t> count; ///< the first ones, all when absent
    FormatOptions formats;

    void add_to(CLI::App& app);
    /// @throws std::runtime_error  when `count` is below 1, and as InputVectors does
    InputVectors open(const MetricChoice& metric) const;
};

/** Ids of a file: one row or one column.
 * @throws std::runtime_error  as check_ids does
 */
std::vector<int64_t> read_ids(const std::string& name, const FileHints& hints);

/// @throws std::runtime_error  for an id not in 0..2^63 - 2, or one that is there twice
void check_ids(const std::vector<int64_t>& ids, const std::string& name);

/// An id that is there twice.
std::optional<int64_t> find_duplicate(std::vector<int64_t> ids);

/** Before long work.
 * @throws WriteError  when `out` cannot be written
 * @throws UsageError  when it is the file of an input
 */
void check_output(const std::string& out, const std::vector<std::string>& inputs);

/** @param metric  of an option that may be left out
 * @param path    of the index
 * @throws std::runtime_error  when the index was built for another metric
 */
void check_metric(
        const std::optional<std::string>& metric, const std::string& path,
        const faiss::Index& index);

/// The path for the value of --out: "-" is standard output.
std::string output_path(const std::string& value);

/// @throws std::runtime_error  when the dimensions differ: the message names both files and values
void check_same_dimension(
        const std::string& path, size_t d, const std::string& reference, size_t reference_d);

/** The first k columns of a file of true neighbours.
 * @throws std::runtime_error  when it has not a row for each query, fewer columns, or a label that
 * is none of the base's
 */
std::vector<int64_t> read_nearest(
        const std::string& path, size_t queries, size_t k, size_t base_vectors,
        const FileHints& hints = {.member = "neighbors"});

/// `count` different numbers below n in their order, chosen by the seed alone.
std::vector<size_t> sample_of(size_t n, size_t count, uint64_t seed);

/// `count` different rows in their order, chosen by the seed alone.
Matrix<float> sample_rows(const Matrix<float>& vectors, size_t count, uint64_t seed);

} // namespace bqq::command
