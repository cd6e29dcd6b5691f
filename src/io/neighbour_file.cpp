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

void write_ivecs(std::FILE* stream, const Neighbours& neighbours) {
    std::vector<int32_t> row(1 + neighbours.k);
    row[0] = static_cast<int32_t>(neighbours.k);
    for (size_t i = 0; i < neighbours.n; ++i) {
        const int64_t* labels = neighbours.labels.data() + i * neighbours.k;
        std::transform(labels, labels + neighbours.k, row.begin() + 1, [](int64_t label) {
            return static_cast<int32_t>(label);
        });
        std::fwrite(row.data(), sizeof(int32_t), row.size(), stream);
    }
}

void write_npy(std::FILE* stream, const Neighbours& neighbours) {
    const std::string header = npy_header("<i8", neighbours.n, neighbours.k);
    std::fwrite(header.data(), 1, header.size(), stream);
    std::fwrite(neighbours.labels.data(), sizeof(int64_t), neighbours.labels.size(), stream);
}

/// The shortest text that reads back as the same number.
std::string shortest(float value) {
    std::array<char, 32> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), result.ptr};
}

void write_csv(std::FILE* stream, const Neighbours& neighbours) {
    std::fputs("query,rank,label,distance\n", stream);
    for (size_t i = 0; i < neighbours.labels.size(); ++i) {
        const std::string line = std::to_string(i / neighbours.k) + ',' +
                                 std::to_string(i % neighbours.k) + ',' +
                                 std::to_string(neighbours.labels[i]) + ',' +
                                 shortest(neighbours.distances[i]) + '\n';
        std::fputs(line.c_str(), stream);
    }
}

using Writer = void (*)(std::FILE*, const Neighbours&);

Writer writer_for(const std::string& path) {
    const std::string extension = std::filesystem::path(path).extension();
    if (extension == ".ivecs") return write_ivecs;
    if (extension == ".npy") return write_npy;
    if (extension == ".csv") return write_csv;
    throw FileError(path + ": the extension is none of .ivecs, .npy, .csv");
}

} // namespace

void write_neighbours(const std::string& path, const Neighbours& neighbours) {
    const Writer writer = writer_for(path);
    if (writer == write_ivecs) check_labels_fit(path, neighbours);
    write_atomically(path, [&](std::FILE* stream) { writer(stream, neighbours); });
}

void check_neighbour_path(const std::string& path) {
    writer_for(path);
    check_writable(path);
}

} // namespace bqq
