#include "io/vector_file.h"

#include <bqq/error.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <utility>

namespace bqq {

namespace {

using Open = RowReaderPointer (*)(InputFile, const std::string& member, const FileHints&);

template <char separator>
RowReaderPointer open_text(InputFile file, const std::string& member, const FileHints& hints) {
    return open_csv(std::move(file), separator, member, hints);
}

/// A format whose name says the type of its numbers.
template <auto open, const char* dtype>
RowReaderPointer open_typed(InputFile file, const std::string&, const FileHints&) {
    return open(std::move(file), dtype);
}

constexpr char kFloat[] = "float32";
constexpr char kByte[] = "uint8";
constexpr char kSignedByte[] = "int8";
constexpr char kInteger[] = "int32";

struct Format {
    std::string_view name; ///< also the suffix
    Open open;
    std::string_view magic = {}; ///< first bytes, where the format has such
};

constexpr std::array kFormats{
        Format{"npy", open_npy, "\x93NUMPY"},
        Format{"npz", open_npz, "PK\x03\x04"},
        Format{"hdf5", open_hdf5, "\x89HDF\r\n\x1a\n"},
        Format{"h5", open_hdf5},
        Format{"fvecs", open_typed<open_vecs, kFloat>},
        Format{"bvecs", open_typed<open_vecs, kByte>},
        Format{"ivecs", open_typed<open_vecs, kInteger>},
        Format{"fbin", open_typed<open_bin, kFloat>},
        Format{"u8bin", open_typed<open_bin, kByte>},
        Format{"i8bin", open_typed<open_bin, kSignedByte>},
        Format{"ibin", open_typed<open_bin, kInteger>},
        Format{"csv", open_text<','>},
        Format{"tsv", open_text<'\t'>},
        Format{"raw", open_raw},
};

const Format* find_format(const std::string& name) {
    const auto* found = std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& format) {
        return format.name == name;
    });
    return found == kFormats.end() ? nullptr : found;
}

bool begins_with(const InputFile& file, std::string_view magic) {
    if (magic.empty() || file.size() < magic.size()) return false;
    std::string bytes(magic.size(), '\0');
    file.read_at(0, bytes.data(), bytes.size());
    return bytes == magic;
}

/// By the suffix, else by the hint, else by the first bytes.
const Format& format_of(const InputFile& file, const std::string& path, const FileHints& hints) {
    std::string names;
    for (const Format& format : kFormats)
        names += (names.empty() ? "" : ", ") + std::string(format.name);
    const std::string suffix = lower_case(std::filesystem::path(path).extension());
    if (const Format* format = find_format(suffix.substr(suffix.empty() ? 0 : 1))) return *format;
    if (!hints.format.empty()) {
        if (const Format* format = find_format(lower_case(hints.format))) return *format;
        file.fail("--format is '" + hints.format + "', none of " + names);
    }
    for (const Format& format : kFormats)
        if (begins_with(file, format.magic)) return format;
    file.fail("the suffix is none of " + names + ": --format has to name one of them");
}

} // namespace

std::string lower_case(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

std::string path_of(const std::string& name) {
    const size_t colon = name.rfind(':');
    if (colon == name.npos || std::filesystem::exists(name)) return name;
    return name.substr(0, colon);
}

VectorFile::VectorFile(const std::string& name, const FileHints& hints) : name_(name) {
    const std::string path = path_of(name);
    const std::string member = path == name ? "" : name.substr(path.size() + 1);
    InputFile file = InputFile::of_any_kind(path);
    const Format& format = format_of(file, path, hints);
    rows_ = format.open(std::move(file), member, hints);
}

std::string choose_member(
        const InputFile& file, const std::string& asked, const std::string& hint,
        const std::vector<std::string>& names) {
    const auto there = [&](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (there(asked)) return asked;
    if (asked.empty() && there(hint)) return hint;
    if (asked.empty() && names.size() == 1) return names.front();
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    file.fail(
            (asked.empty() ? "does not say which array: name one, as in FILE:NAME, of "
                           : "has no array '" + asked + "', it has ") +
            (list.empty() ? "none" : list));
}

Matrix<float> read_vectors(const std::string& name, size_t limit) {
    return VectorFile(name).matrix<float>(limit);
}

Matrix<int64_t> read_labels(const std::string& name, size_t limit) {
    return VectorFile(name).matrix<int64_t>(limit);
}

void check_finite(
        const Matrix<float>& vectors, const std::string& name, size_t first,
        const std::string& as) {
    const auto& values = vectors.values;
    const auto bad = std::find_if(
            values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    if (bad == values.end()) return;
    const char* what = std::isnan(*bad) ? "nan" : *bad > 0 ? "inf" : "-inf";
    const auto position = static_cast<size_t>(bad - values.begin());
    throw FileError(
            name + ": row " + std::to_string(first + position / vectors.d) + ", column " +
            std::to_string(position % vectors.d) + " is " + what + as);
}

} // namespace bqq
