#include "io/vector_file.h"

#include <bqq/error.h>

#include "io/element.h"
#include "io/input_file.h"
#include "io/npy_header.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <utility>

namespace bqq {

namespace {

constexpr size_t buffer_bytes = 1 << 20;

/// Where the rows stand in a file.
struct Layout {
    Element element;
    size_t n;
    size_t d;
    size_t data_offset;
    bool d_before_row; ///< an int32 d precedes each row, as in .fvecs

    size_t prefix_bytes() const { return d_before_row ? sizeof(int32_t) : 0; }
    size_t row_bytes() const { return prefix_bytes() + d * element_size(element); }
};

Layout vecs_layout(InputFile& file, Element element) {
    int32_t d = 0;
    file.read(&d, sizeof(d));
    if (d <= 0) file.fail("row 0 has d = " + std::to_string(d));
    Layout layout{element, 0, static_cast<size_t>(d), 0, true};
    const size_t row_bytes = layout.row_bytes();
    if (file.size() % row_bytes != 0) {
        file.fail(
                "has " + std::to_string(file.size()) + " bytes, not a multiple of the " +
                std::to_string(row_bytes) + " of a row with d = " + std::to_string(d) +
                ": it is truncated or its rows differ in d");
    }
    layout.n = file.size() / row_bytes;
    return layout;
}

using NamedElement = std::pair<const char*, Element>;

Layout npy_layout(InputFile& file, std::initializer_list<NamedElement> accepted) {
    const NpyHeader header = read_npy_header(file);
    const auto found = std::find_if(accepted.begin(), accepted.end(), [&](const auto& named) {
        return header.descr == named.first;
    });
    if (found == accepted.end()) {
        std::string names;
        for (const auto& [name, element] : accepted) {
            names += (names.empty() ? "" : ", ") + std::string(name);
        }
        file.fail("dtype " + header.descr + " is not supported here, only " + names);
    }
    const std::string shape =
            "shape (" + std::to_string(header.n) + ", " + std::to_string(header.d) + ")";
    if (header.n == 0 || header.d == 0) file.fail("holds no vectors: " + shape);

    Layout layout{found->second, header.n, header.d, header.data_offset, false};
    const size_t data_bytes = file.size() - header.data_offset;
    const bool too_wide = header.d > file.size();
    if (too_wide || header.n > data_bytes / layout.row_bytes()) {
        file.fail(
                "is truncated: " + shape + " needs more than " + std::to_string(data_bytes) +
                " bytes after the header");
    }
    if (const size_t spare = data_bytes - header.n * layout.row_bytes(); spare != 0) {
        file.fail("has " + std::to_string(spare) + " bytes more than " + shape + " needs");
    }
    return layout;
}

template <class T>
Matrix<T> read_rows(InputFile& file, const Layout& layout, size_t limit) {
    Matrix<T> matrix{std::min(layout.n, limit), layout.d, {}};
    matrix.values.resize(matrix.n * matrix.d);
    file.seek(layout.data_offset);

    const size_t row_bytes = layout.row_bytes();
    const size_t rows_at_once = std::min(matrix.n, std::max<size_t>(1, buffer_bytes / row_bytes));
    std::vector<char> buffer(rows_at_once * row_bytes);
    for (size_t i = 0; i < matrix.n; ++i) {
        const size_t in_buffer = i % rows_at_once;
        if (in_buffer == 0) {
            file.read(buffer.data(), std::min(rows_at_once, matrix.n - i) * row_bytes);
        }
        const char* row = buffer.data() + in_buffer * row_bytes;
        if (layout.d_before_row) {
            int32_t d = 0;
            std::memcpy(&d, row, sizeof(d));
            if (std::cmp_not_equal(d, layout.d)) {
                file.fail(
                        "row " + std::to_string(i) + " has d = " + std::to_string(d) +
                        ", row 0 has d = " + std::to_string(layout.d));
            }
        }
        convert(layout.element, row + layout.prefix_bytes(), layout.d, matrix.row(i));
    }
    return matrix;
}

} // namespace

Matrix<float> read_vectors(const std::string& path, size_t limit) {
    InputFile file(path);
    const std::string extension = std::filesystem::path(path).extension();
    if (extension == ".fvecs") return read_rows<float>(file, vecs_layout(file, Element::f4), limit);
    if (extension == ".bvecs") return read_rows<float>(file, vecs_layout(file, Element::u1), limit);
    if (extension == ".npy") {
        const Layout layout = npy_layout(
                file, {{"<f4", Element::f4}, {"<f2", Element::f2}, {"|u1", Element::u1}});
        return read_rows<float>(file, layout, limit);
    }
    file.fail("the extension is none of .fvecs, .bvecs, .npy");
}

Matrix<int64_t> read_labels(const std::string& path, size_t limit) {
    InputFile file(path);
    const std::string extension = std::filesystem::path(path).extension();
    if (extension == ".ivecs") {
        return read_rows<int64_t>(file, vecs_layout(file, Element::i4), limit);
    }
    if (extension == ".npy") {
        const Layout layout = npy_layout(file, {{"<i4", Element::i4}, {"<i8", Element::i8}});
        return read_rows<int64_t>(file, layout, limit);
    }
    file.fail("the extension is none of .ivecs, .npy");
}

void check_finite(const Matrix<float>& vectors, const std::string& path) {
    const auto& values = vectors.values;
    const auto bad = std::find_if(
            values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    if (bad == values.end()) return;
    const char* what = std::isnan(*bad) ? "nan" : *bad > 0 ? "inf" : "-inf";
    const auto position = static_cast<size_t>(bad - values.begin());
    throw FileError(
            path + ": row " + std::to_string(position / vectors.d) + ", column " +
            std::to_string(position % vectors.d) + " is " + what);
}

} // namespace bqq
