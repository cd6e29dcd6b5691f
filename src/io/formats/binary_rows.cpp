#include "io/formats/binary_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace bqq {

namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

void convert(const Layout& layout, const char* stored, size_t count, float* values) {
    layout.type->to_floats(stored, count, layout.swapped, values);
}

void convert(const Layout& layout, const char* stored, size_t count, int64_t* values) {
    layout.type->to_labels(stored, count, layout.swapped, values);
}

class BinaryRows : public RowReader {
public:
    BinaryRows(InputFile file, const Layout& layout) : file_(std::move(file)), layout_(layout) {
        n = layout.n;
        d = layout.d;
        stored = (layout.swapped ? "big-endian " : "") + std::string(layout.type->name) +
                 (layout.by_columns ? " in Fortran order" : "");
    }

    void read(size_t begin, size_t count, float* values) override { fill(begin, count, values); }

    void read(size_t begin, size_t count, int64_t* values) override {
        if (layout_.type->to_labels == nullptr)
            file_.fail("labels have to be integers, not " + std::string(layout_.type->name));
        fill(begin, count, values);
    }

private:
    template <class T>
    void fill(size_t begin, size_t count, T* values) {
        if (layout_.by_columns) return fill_by_columns(begin, count, values);
        const size_t row_bytes = layout_.row_bytes();
        const size_t at_once = std::max<size_t>(1, kBufferBytes / row_bytes);
        for (size_t done = 0; done < count; done += at_once) {
            const size_t rows = std::min(at_once, count - done);
            buffer_.resize(rows * row_bytes);
            const size_t first = begin + done;
            file_.read_at(layout_.data_offset + first * row_bytes, buffer_.data(), buffer_.size());
            if (layout_.prefix_bytes == 0) {
                convert(layout_, buffer_.data(), rows * d, values + done * d);
                continue;
            }
            for (size_t i = 0; i < rows; ++i) {
                const char* row = buffer_.data() + i * row_bytes;
                check_prefix(row, first + i);
                convert(layout_, row + layout_.prefix_bytes, d, values + (done + i) * d);
            }
        }
    }

    template <class T>
    void fill_by_columns(size_t begin, size_t count, T* values) {
        const size_t size = layout_.type->size;
        buffer_.resize(count * size);
        std::vector<T> column(count);
        for (size_t j = 0; j < d; ++j) {
            file_.read_at(
                    layout_.data_offset + (j * n + begin) * size, buffer_.data(), buffer_.size());
            convert(layout_, buffer_.data(), count, column.data());
            for (size_t i = 0; i < count; ++i) values[i * d + j] = column[i];
        }
    }

    void check_prefix(const char* row, size_t i) const {
        int32_t own_d = 0;
        std::memcpy(&own_d, row, sizeof own_d);
        if (std::cmp_equal(own_d, d)) return;
        file_.fail(
                "row " + std::to_string(i) + " has d = " + std::to_string(own_d) +
                ", row 0 has d = " + std::to_string(d));
    }

    InputFile file_;
    Layout layout_;
    std::vector<char> buffer_;
};

std::string shape(const Layout& layout) {
    return "shape (" + std::to_string(layout.n) + ", " + std::to_string(layout.d) + ")";
}

} // namespace

size_t checked_bytes(const InputFile& file, const Layout& layout) {
    if (layout.n == 0 || layout.d == 0) file.fail("holds no vectors: " + shape(layout));
    const size_t there = file.size() - std::min(file.size(), layout.data_offset);
    if (layout.d > there || layout.n > there / layout.row_bytes())
        file.fail(
                "is truncated: " + shape(layout) + " of " + std::string(layout.type->name) +
                " needs more than the " + std::to_string(there) + " bytes after the header");
    return layout.n * layout.row_bytes();
}

RowReaderPointer binary_rows(InputFile file, const Layout& layout) {
    const size_t bytes = checked_bytes(file, layout);
    const size_t spare = file.size() - layout.data_offset - bytes;
    if (spare != 0)
        file.fail("has " + std::to_string(spare) + " bytes more than " + shape(layout) + " needs");
    return std::make_unique<BinaryRows>(std::move(file), layout);
}

RowReaderPointer open_vecs(InputFile file, const char* dtype) {
    int32_t d = 0;
    file.read(&d, sizeof d);
    if (d <= 0) file.fail("row 0 has d = " + std::to_string(d) + ", it has to be at least 1");
    Layout layout{find_element(dtype), 0, static_cast<size_t>(d), 0, sizeof d};
    const size_t row_bytes = layout.row_bytes();
    if (file.size() % row_bytes != 0)
        file.fail(
                "has " + std::to_string(file.size()) + " bytes, not a multiple of the " +
                std::to_string(row_bytes) + " of a row with d = " + std::to_string(d) +
                ": it is truncated or its rows differ in d");
    layout.n = file.size() / row_bytes;
    return binary_rows(std::move(file), layout);
}

RowReaderPointer open_bin(InputFile file, const char* dtype) {
    uint32_t sides[2];
    file.read(sides, sizeof sides);
    const Layout layout{find_element(dtype), sides[0], sides[1], sizeof sides};
    const size_t bytes = checked_bytes(file, layout);
    const bool distances = layout.type->to_labels != nullptr && layout.type->size == 4 &&
                           file.size() - sizeof sides == 2 * bytes;
    if (distances) return std::make_unique<BinaryRows>(std::move(file), layout);
    return binary_rows(std::move(file), layout);
}

RowReaderPointer open_raw(InputFile file, const std::string& /*member*/, const FileHints& hints) {
    if (hints.dim == 0) file.fail("is raw: --dim has to say the numbers of a row");
    const ElementType* type = find_element(hints.dtype.empty() ? "float32" : hints.dtype);
    if (type == nullptr) file.fail("dtype '" + hints.dtype + "' is none of " + element_names());
    Layout layout{type, 1, hints.dim, 0};
    checked_bytes(file, layout);
    layout.n = file.size() / layout.row_bytes();
    if (file.size() % layout.row_bytes() != 0)
        file.fail(
                "has " + std::to_string(file.size()) + " bytes, not a multiple of the " +
                std::to_string(layout.row_bytes()) + " of " + std::to_string(hints.dim) + " " +
                std::string(type->name));
    return binary_rows(std::move(file), layout);
}

} // namespace bqq
