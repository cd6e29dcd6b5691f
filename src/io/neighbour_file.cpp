#include "io/neighbour_file.h"

#include <bqq/error.h>

#include "io/atomic_file.h"
#include "io/npy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace bqq {

namespace {

void check_labels_fit(const std::string& path, const Neighbours& neighbours) {
    const auto bad = std::find_if(
            neighbours.labels.begin(), neighbours.labels.end(),
            [](int64_t label) { return !std::in_range<int32_t>(label); });
    if (bad == neighbours.labels.end()) return;
    throw FileError(
            path + ": label " + std::to_string(*bad) +
            " does not fit in the int32 of .ivecs, .npy and .csv hold it");
}

/// Rows of an int32 k and k numbers.
template <class T>
void write_vecs(std::FILE* stream, const Neighbours& neighbours, const T* values) {
    const auto k = static_cast<int32_t>(neighbours.k);
    for (size_t i = 0; i < neighbours.n; ++i) {
        std::fwrite(&k, sizeof k, 1, stream);
        std::fwrite(values + i * neighbours.k, sizeof(T), neighbours.k, stream);
    }
}

template <class T>
void write_array(
        std::FILE* stream, const Neighbours& neighbours, const char* descr,
        const std::vector<T>& values) {
    const std::string header = npy_header(descr, neighbours.n, neighbours.k);
    std::fwrite(header.data(), 1, header.size(), stream);
    std::fwrite(values.data(), sizeof(T), values.size(), stream);
}

void write_ivecs(std::FILE* stream, const Neighbours& neighbours) {
    const std::vector<int32_t> labels(neighbours.labels.begin(), neighbours.labels.end());
    write_vecs(stream, neighbours, labels.data());
}

void write_npy(std::FILE* stream, const Neighbours& neighbours) {
    write_array(stream, neighbours, "<i8", neighbours.labels);
}

/// The shortest text that reads back as the same number.
std::string shortest(float value) {
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

void write_csv(std::FILE* stream, const Neighbours& neighbours) {
    std::fputs("query,rank,label,distance\n", stream);
    for (size_t i = 0; i < neighbours.n; ++i)
        for (size_t j = neighbours.begin_of(i); j < neighbours.begin_of(i + 1); ++j) {
            const std::string line = std::to_string(i) + ',' +
                                     std::to_string(j - neighbours.begin_of(i)) + ',' +
                                     std::to_string(neighbours.labels[j]) + ',' +
                                     shortest(neighbours.distances[j]) + '\n';
            std::fputs(line.c_str(), stream);
        }
}

void write_jsonl(std::FILE* stream, const Neighbours& neighbours) {
    for (size_t i = 0; i < neighbours.n; ++i) {
        std::string labels;
        std::string distances;
        for (size_t j = neighbours.begin_of(i); j < neighbours.begin_of(i + 1); ++j) {
            if (neighbours.labels[j] < 0) continue;
            const char* comma = labels.empty() ? "" : ", ";
            labels += comma + std::to_string(neighbours.labels[j]);
            distances += comma + shortest(neighbours.distances[j]);
        }
        std::fprintf(
                stream, "{\"query\": %zu, \"labels\": [%s], \"distances\": [%s]}\n", i,
                labels.c_str(), distances.c_str());
    }
}

using Writer = void (*)(std::FILE*, const Neighbours&);

/// @param format  the suffix of the path when empty
Writer writer_for(const std::string& path, const std::string& format) {
    const std::string suffix = std::filesystem::path(path).extension();
    const std::string name = !format.empty() || suffix.empty() ? format : suffix.substr(1);
    if (name == "ivecs") return write_ivecs;
    if (name == "npy") return write_npy;
    if (name == "csv") return write_csv;
    if (name == "jsonl") return write_jsonl;
    throw FileError(
            path + ": " + (format.empty() ? "the extension" : "the format '" + format + "'") +
            " is none of .ivecs, .npy, .csv, .jsonl");
}

bool is_fvecs(const std::string& path) {
    const std::string suffix = std::filesystem::path(path).extension();
    if (suffix == ".npy" || suffix == ".fvecs") return suffix == ".fvecs";
    throw FileError(path + ": the extension is none of .npy, .fvecs");
}

} // namespace

void write_neighbours(
        const std::string& path, const Neighbours& neighbours, const std::string& format) {
    const Writer writer = writer_for(path, format);
    if (writer == write_ivecs) check_labels_fit(path, neighbours);
    write_atomically(path, [&](std::FILE* stream) { writer(stream, neighbours); });
}

void write_distances(const std::string& path, const Neighbours& neighbours) {
    const bool fvecs = is_fvecs(path);
    write_atomically(path, [&](std::FILE* stream) {
        if (fvecs) {
            write_vecs(stream, neighbours, neighbours.distances.data());
        } else {
            write_array(stream, neighbours, "<f4", neighbours.distances);
        }
    });
}

void check_neighbour_path(const std::string& path, const std::string& format, bool range) {
    const Writer writer = writer_for(path, format);
    if (range && (writer == write_ivecs || writer == write_npy))
        throw FileError(
                path +
                ": queries have different numbers of neighbours within a radius, which only "
                ".csv and .jsonl can hold");
    check_writable(path);
}

void check_distance_path(const std::string& path) {
    is_fvecs(path);
    check_writable(path);
}

} // namespace bqq
