#include "io/formats/row_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace bqq {

namespace {

constexpr size_t kRowsToAPlace = 1024; // places of so many rows are remembered
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == text.npos) return {};
    text = text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
    const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
    return quoted ? text.substr(1, text.size() - 2) : text;
}

template <class T>
std::optional<T> parse(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return value;
}

/// An integer that is written as numpy.savetxt writes all numbers: 7.000000000000000000e+00
std::optional<int64_t> whole_number(std::string_view text) {
    constexpr double kExact = 9007199254740992; // 2^53, from where not all integers are doubles
    const auto value = parse<double>(text);
    if (!value || std::trunc(*value) != *value || std::abs(*value) > kExact) return {};
    return static_cast<int64_t>(*value);
}

/** Debian's parsers of CSV (libcsv, rapidcsv) keep a file in memory or copy each field; fields
 * here are numbers, without separators in them.
 */
class CsvRows : public RowReader {
public:
    CsvRows(InputFile file, char separator, const std::string& member, const std::string& id_column)
            : file_(std::move(file)), separator_(separator) {
        if (!next_line()) file_.fail("holds no rows");
        if (line_.starts_with(kByteOrderMark)) {
            first_row_ = kByteOrderMark.size();
            line_.erase(0, first_row_);
        }
        split();
        const std::vector<std::string> names = header();
        width_ = fields_.size();
        choose_columns(names, member, id_column);
        if (!names.empty()) first_row_ = file_.position();
        count_rows();
        d = columns_.size();
        stored = "text";
    }

    void read(size_t begin, size_t count, float* values) override {
        fill(begin, count, columns_, "a number", values);
    }
    void read(size_t begin, size_t count, int64_t* values) override {
        fill(begin, count, columns_, "an integer", values);
    }
    void read_ids(size_t begin, size_t count, int64_t* ids) override {
        fill(begin, count, {id_column_}, "an integer", ids);
    }

private:
    /// Goes on to the next line that is neither empty nor a comment.
    bool next_line() {
        while (file_.read_line(line_))
            if (!line_.empty() && line_.front() != '#') return true;
        return false;
    }

    void split() {
        fields_.clear();
        const std::string_view line = line_;
        for (size_t begin = 0; begin <= line.size();) {
            const size_t end = std::min(line.find(separator_, begin), line.size());
            fields_.push_back(trimmed(line.substr(begin, end - begin)));
            begin = end + 1;
        }
    }

    /// The names of the columns, if the line has not only numbers.
    std::vector<std::string> header() const {
        const bool numbers = std::all_of(fields_.begin(), fields_.end(), [](auto field) {
            return parse<double>(field).has_value();
        });
        if (numbers) return {};
        return {fields_.begin(), fields_.end()};
    }

    /// By name or by number. width_ when there is none.
    size_t find_column(const std::vector<std::string>& names, const std::string& wanted) const {
        for (size_t j = 0; j < names.size(); ++j)
            if (lower_case(names[j]) == lower_case(wanted)) return j;
        return std::min(parse<size_t>(wanted).value_or(width_), width_);
    }

    size_t checked_column(const std::vector<std::string>& names, const std::string& wanted) const {
        const size_t column = find_column(names, wanted);
        if (column == width_)
            file_.fail(
                    "has no column '" + wanted + "', only " + std::to_string(width_) +
                    (names.empty() ? " without names" : " with other names"));
        return column;
    }

    void choose_columns(
            const std::vector<std::string>& names, const std::string& member,
            const std::string& id_column) {
        if (!member.empty()) {
            columns_ = {checked_column(names, member)};
            return;
        }
        id_column_ =
                id_column.empty() ? find_column(names, "id") : checked_column(names, id_column);
        has_ids = id_column_ != width_;
        for (size_t j = 0; j < width_; ++j)
            if (j != id_column_) columns_.push_back(j);
        if (columns_.empty()) columns_ = {id_column_}; // a file of ids alone
    }

    void count_rows() {
        file_.seek(first_row_);
        for (;; ++n) {
            if (n % kRowsToAPlace == 0) places_.push_back(file_.position());
            if (!next_line()) break;
            const auto width =
                    static_cast<size_t>(std::count(line_.begin(), line_.end(), separator_)) + 1;
            if (width != width_)
                file_.fail(
                        "row " + std::to_string(n) + " has " + std::to_string(width) +
                        " columns, the first line has " + std::to_string(width_));
        }
        if (n == 0) file_.fail("holds no rows");
    }

    /// Puts the file before a row.
    void seek_row(size_t row) {
        if (row != next_row_) {
            const size_t place = row / kRowsToAPlace;
            file_.seek(places_[place]);
            for (size_t i = place * kRowsToAPlace; i < row; ++i) next_line();
        }
        next_row_ = n; // none, until its reader has come to an end
    }

    template <class T>
    void fill(
            size_t begin, size_t count, const std::vector<size_t>& columns, const char* wanted,
            T* values) {
        // What is too small for a float is no error.
        using Parsed = std::conditional_t<std::is_same_v<T, float>, double, T>;
        seek_row(begin);
        for (size_t i = begin; i < begin + count; ++i) {
            next_line();
            split();
            for (const size_t column : columns) {
                const std::string_view field =
                        column < fields_.size() ? fields_[column] : std::string_view();
                std::optional<Parsed> value = parse<Parsed>(field);
                if (!value && std::is_integral_v<Parsed>) value = whole_number(field);
                if (!value)
                    file_.fail(
                            "row " + std::to_string(i) + ", column " + std::to_string(column) +
                            " is '" + std::string(field) + "', not " + wanted);
                *values++ = static_cast<T>(*value);
            }
        }
        next_row_ = begin + count;
    }

    InputFile file_;
    char separator_;
    std::string line_;
    std::vector<std::string_view> fields_; ///< of line_
    size_t width_ = 0;                     ///< columns of the file
    std::vector<size_t> columns_;          ///< those that are read
    size_t id_column_ = 0;
    size_t first_row_ = 0;       ///< place in the file
    std::vector<size_t> places_; ///< of every 1024th row
    size_t next_row_ = SIZE_MAX; ///< before which the file is
};

} // namespace

RowReaderPointer open_csv(
        InputFile file, char separator, const std::string& member, const FileHints& hints) {
    return std::make_unique<CsvRows>(std::move(file), separator, member, hints.id_column);
}

} // namespace bqq
