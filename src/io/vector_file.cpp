#include "io/vector_file.h"

#include <bqq/error.h>

#include "io/npy_header.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

namespace bqq {

namespace {

constexpr size_t kBufferBytes = 1 << 20;

std::string lower_extension(const std::string& path) {
    std::string extension = std::filesystem::path(path).extension();
    std::ranges::transform(extension, extension.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return extension;
}

constexpr std::pair<std::string_view, Element> kDtypes[] = {
        {"f8", Element::f8}, {"f4", Element::f4}, {"f2", Element::f2}, {"i8", Element::i8},
        {"i4", Element::i4}, {"i2", Element::i2}, {"i1", Element::i1}, {"u8", Element::u8},
        {"u4", Element::u4}, {"u2", Element::u2}, {"u1", Element::u1}, {"b1", Element::u1}};

} // namespace

VectorFile::VectorFile(const std::string& path) : path_(path), file_(path) {
    using Open = Layout (VectorFile::*)(Element);
    struct Format {
        std::string_view extension;
        Open open;
        Element element;
    };
    constexpr Format kFormats[] = {
            {".fvecs", &VectorFile::vecs_layout, Element::f4},
            {".bvecs", &VectorFile::vecs_layout, Element::u1},
            {".ivecs", &VectorFile::vecs_layout, Element::i4},
            {".fbin", &VectorFile::bin_layout, Element::f4},
            {".u8bin", &VectorFile::bin_layout, Element::u1},
            {".i8bin", &VectorFile::bin_layout, Element::i1},
            {".ibin", &VectorFile::bin_layout, Element::i4}};
    const std::string extension = lower_extension(path);
    if (extension == ".npy") {
        layout_ = npy_layout();
        return;
    }
    const auto* format = std::ranges::find(kFormats, extension, &Format::extension);
    if (format == std::end(kFormats)) {
        std::string names = ".npy";
        for (const Format& known : kFormats) names += ", " + std::string(known.extension);
        file_.fail("the extension is none of " + names);
    }
    layout_ = (this->*format->open)(format->element);
}

VectorFile::Layout VectorFile::vecs_layout(Element element) {
    int32_t d = 0;
    file_.read(&d, sizeof(d));
    if (d <= 0) file_.fail("row 0 has d = " + std::to_string(d));
    Layout layout{.element = element, .d = static_cast<size_t>(d), .d_before_row = true};
    layout.column = element_size(element);
    layout.first = sizeof(d);
    layout.row = sizeof(d) + layout.d * layout.column;
    if (file_.size() % layout.row != 0)
        file_.fail(
                "has " + std::to_string(file_.size()) + " bytes, not a multiple of the " +
                std::to_string(layout.row) + " of a row with d = " + std::to_string(d) +
                ": it is truncated or its rows differ in d");
    layout.n = file_.size() / layout.row;
    return layout;
}

VectorFile::Layout VectorFile::bin_layout(Element element) {
    uint32_t sizes[2];
    file_.read(sizes, sizeof sizes);
    Layout layout{.element = element, .n = sizes[0], .d = sizes[1], .first = sizeof sizes};
    layout.column = element_size(element);
    layout.row = layout.d * layout.column;
    const std::string shape =
            "n = " + std::to_string(layout.n) + ", d = " + std::to_string(layout.d);
    if (layout.n == 0 || layout.d == 0) file_.fail("holds no vectors: " + shape);
    if (layout.n > file_.size() / layout.row ||
        layout.n * layout.row + sizeof sizes != file_.size())
        file_.fail(
                "has " + std::to_string(file_.size()) + " bytes, but " + shape + " needs " +
                std::to_string(layout.row) + " a row and 8");
    return layout;
}

VectorFile::Layout VectorFile::npy_layout() {
    const NpyHeader header = read_npy_header(file_);
    const std::string shape =
            "shape (" + std::to_string(header.n) + ", " + std::to_string(header.d) + ")";
    if (header.n == 0 || header.d == 0) file_.fail("holds no vectors: " + shape);
    const char order = header.descr.empty() ? ' ' : header.descr[0];
    const auto* dtype = std::ranges::find(
            kDtypes, std::string_view(header.descr).substr(header.descr.empty() ? 0 : 1),
            &std::pair<std::string_view, Element>::first);
    if (dtype == std::end(kDtypes) || std::string_view("<>|=").find(order) == std::string::npos)
        file_.fail(
                "dtype " + header.descr +
                " is not supported, only float16, float32, float64, "
                "bool and integers");

    Layout layout{.element = dtype->second, .n = header.n, .d = header.d};
    layout.big_endian = order == '>';
    const size_t size = element_size(layout.element);
    const size_t data_bytes = file_.size() - header.data_offset;
    if (header.d > file_.size() || header.n > data_bytes / (header.d * size))
        file_.fail(
                "is truncated: " + shape + " needs more than " + std::to_string(data_bytes) +
                " bytes after the header");
    if (const size_t spare = data_bytes - header.n * header.d * size; spare != 0)
        file_.fail("has " + std::to_string(spare) + " bytes more than " + shape + " needs");
    layout.first = header.data_offset;
    layout.row = header.by_column ? size : header.d * size;
    layout.column = header.by_column ? header.n * size : size;
    return layout;
}

std::string VectorFile::conversion() const {
    std::string text;
    if (!fits_float(layout_.element))
        text = std::string(element_name(layout_.element)) + ", converted to float32";
    if (layout_.row < layout_.column && layout_.d > 1)
        text += std::string(text.empty() ? "" : "; ") + "in Fortran order, which is slow to read";
    return text;
}

/// Converts numbers that stand one after another.
template <class T>
void VectorFile::convert_run(char* stored, size_t count, T* values) const {
    const size_t size = element_size(layout_.element);
    if (layout_.big_endian)
        for (size_t i = 0; i < count; ++i) std::reverse(stored + i * size, stored + (i + 1) * size);
    convert(layout_.element, stored, count, values);
}

template <class T>
void VectorFile::read_as(size_t begin, size_t count, T* values) {
    if (begin > layout_.n || count > layout_.n - begin)
        file_.fail(
                "rows " + std::to_string(begin) + " to " + std::to_string(begin + count) +
                " are asked for, there are " + std::to_string(layout_.n));
    const size_t d = layout_.d;
    std::vector<char> buffer;
    if (layout_.row < layout_.column) { // column after column
        std::vector<T> column(count);
        buffer.resize(count * layout_.row);
        for (size_t j = 0; j < d; ++j) {
            file_.seek(layout_.first + begin * layout_.row + j * layout_.column);
            file_.read(buffer.data(), buffer.size());
            convert_run(buffer.data(), count, column.data());
            for (size_t i = 0; i < count; ++i) values[i * d + j] = column[i];
        }
        return;
    }
    const size_t prefix = layout_.d_before_row ? sizeof(int32_t) : 0;
    const size_t at_once = std::max<size_t>(1, kBufferBytes / layout_.row);
    buffer.resize(std::min(at_once, count) * layout_.row);
    file_.seek(layout_.first - prefix + begin * layout_.row);
    for (size_t i = 0; i < count; ++i) {
        if (i % at_once == 0) file_.read(buffer.data(), std::min(at_once, count - i) * layout_.row);
        char* row = buffer.data() + i % at_once * layout_.row;
        if (layout_.d_before_row) check_prefix(begin + i, row);
        convert_run(row + prefix, d, values + i * d);
    }
}

void VectorFile::check_prefix(size_t row, const char* stored) const {
    int32_t d = 0;
    std::memcpy(&d, stored, sizeof(d));
    if (std::cmp_not_equal(d, layout_.d))
        file_.fail(
                "row " + std::to_string(row) + " has d = " + std::to_string(d) +
                ", row 0 has d = " + std::to_string(layout_.d));
}

void VectorFile::read(size_t begin, size_t count, float* values) {
    read_as(begin, count, values);
}

void VectorFile::read(size_t begin, size_t count, int64_t* values) {
    if (!is_integer(layout_.element))
        file_.fail(std::string("holds ") + element_name(layout_.element) + ", labels are integers");
    read_as(begin, count, values);
}

namespace {

template <class T>
Matrix<T> read_first(const std::string& path, size_t limit) {
    VectorFile file(path);
    Matrix<T> matrix{std::min(file.n(), limit), file.d(), {}};
    matrix.values.resize(matrix.n * matrix.d);
    file.read(0, matrix.n, matrix.values.data());
    return matrix;
}

} // namespace

Matrix<float> read_vectors(const std::string& path, size_t limit) {
    return read_first<float>(path, limit);
}

Matrix<int64_t> read_labels(const std::string& path, size_t limit) {
    return read_first<int64_t>(path, limit);
}

void check_finite(const Matrix<float>& vectors, const std::string& path, size_t first) {
    const auto& values = vectors.values;
    const auto bad = std::find_if(
            values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    if (bad == values.end()) return;
    const char* what = std::isnan(*bad) ? "nan" : *bad > 0 ? "inf" : "-inf";
    const auto position = static_cast<size_t>(bad - values.begin());
    throw FileError(
            path + ": row " + std::to_string(first + position / vectors.d) + ", column " +
            std::to_string(position % vectors.d) + " is " + what);
}

} // namespace bqq
