#include "io/atomic_file.h"
#include "io/neighbour_file.h"
#include "io/vector_file.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace vector_files_test {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::ThrowsMessage;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T>
std::string vecs_row(int32_t d, const std::vector<T>& values) {
    return bytes_of(std::vector<int32_t>{d}) + bytes_of(values);
}

/// A .npy file as numpy writes it, with the dictionary given.
std::string npy(std::string dictionary, const std::string& data, char version = 1) {
    dictionary += '\n';
    std::string file("\x93NUMPY");
    file += {version, '\0', static_cast<char>(dictionary.size()), '\0'};
    if (version > 1) file += {'\0', '\0'};
    return file + dictionary + data;
}

std::string npy_of(const std::string& descr, const std::string& shape, const std::string& data) {
    return npy(
            "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }", data);
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

class VectorFiles : public bqq::test::FolderTest {
protected:
    /// The error of reading a file begins with its path and holds `reason`.
    void expect_error(
            const std::string& name, const std::string& bytes, const std::string& reason) const {
        const std::string path = write(name, bytes);
        const auto read = [&] {
            if (name.ends_with(".ivecs")) {
                bqq::read_labels(path);
            } else {
                bqq::read_vectors(path);
            }
        };
        EXPECT_THAT(
                read, ThrowsMessage<std::runtime_error>(
                              AllOf(StartsWith(path + ": "), HasSubstr(reason))));
    }
};

const std::vector<float> six{1.5F, -2, 3, 0.25F, 1e-30F, 1e30F};

TEST_F(VectorFiles, ReadsFvecs) {
    const auto path =
            write("a.fvecs",
                  vecs_row<float>(3, {1.5F, -2, 3}) + vecs_row<float>(3, {0.25F, 1e-30F, 1e30F}));
    const auto vectors = bqq::read_vectors(path);
    EXPECT_EQ(vectors.n, 2U);
    EXPECT_EQ(vectors.d, 3U);
    EXPECT_EQ(vectors.values, six);
}

TEST_F(VectorFiles, ReadsBvecs) {
    const auto path =
            write("a.bvecs", vecs_row<uint8_t>(2, {0, 255}) + vecs_row<uint8_t>(2, {128, 7}));
    EXPECT_THAT(bqq::read_vectors(path).values, ElementsAre(0, 255, 128, 7));
}

TEST_F(VectorFiles, ReadsNpyFloatsAndBytes) {
    const auto floats = bqq::read_vectors(write("f.npy", npy_of("<f4", "(3, 2)", bytes_of(six))));
    EXPECT_EQ(floats.n, 3U);
    EXPECT_EQ(floats.d, 2U);
    EXPECT_EQ(floats.values, six);
    const auto bytes = bqq::read_vectors(write("b.npy", npy_of("|u1", "(1, 3)", "\x01\xff\x80")));
    EXPECT_THAT(bytes.values, ElementsAre(1, 255, 128));
}

TEST_F(VectorFiles, ReadsHalfFloats) {
    const std::vector<uint16_t> halves{0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001,
                                       0x83ff, 0x8000, 0x7c00, 0xfc00, 0x7e00};
    const auto path = write("h.npy", npy_of("<f2", "(1, 10)", bytes_of(halves)));
    const auto values = bqq::read_vectors(path).values;
    ASSERT_EQ(values.size(), 10U);
    EXPECT_EQ(values[0], 1.0F);
    EXPECT_EQ(values[1], -2.0F);
    EXPECT_EQ(values[2], 65504.0F);
    EXPECT_EQ(values[3], std::ldexp(1.0F, -14)); // smallest normal
    EXPECT_EQ(values[4], std::ldexp(1.0F, -24)); // smallest subnormal
    EXPECT_EQ(values[5], -1023 * std::ldexp(1.0F, -24));
    EXPECT_EQ(values[6], 0.0F);
    EXPECT_TRUE(std::signbit(values[6]));
    EXPECT_EQ(values[7], std::numeric_limits<float>::infinity());
    EXPECT_EQ(values[8], -std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(values[9]));
}

TEST_F(VectorFiles, ReadsEveryNpyVersionAndSpelling) {
    const std::string data = bytes_of(six);
    const std::string plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    for (const char version : {1, 2, 3}) {
        EXPECT_EQ(bqq::read_vectors(write("v.npy", npy(plain, data, version))).values, six);
    }
    const std::string other = "{\"shape\":(2L,3L),\"fortran_order\":False,\"descr\":\"<f4\"}      ";
    EXPECT_EQ(bqq::read_vectors(write("o.npy", npy(other, data))).values, six);
}

TEST_F(VectorFiles, ReadsAtMostTheLimit) {
    const auto path = write("a.npy", npy_of("<f4", "(3, 2)", bytes_of(six)));
    EXPECT_THAT(bqq::read_vectors(path, 1).values, ElementsAre(1.5F, -2));
    EXPECT_EQ(bqq::read_vectors(path, 9).n, 3U);
}

TEST_F(VectorFiles, ReadsMoreRowsThanItsBufferHolds) {
    const size_t n = 70'000; // 1.4 MB
    std::string bytes;
    for (size_t i = 0; i < n; ++i) {
        const auto value = static_cast<float>(i);
        bytes += vecs_row<float>(4, {value, -value, value / 2, 1});
    }
    const auto vectors = bqq::read_vectors(write("a.fvecs", bytes));
    ASSERT_EQ(vectors.n, n);
    for (size_t i = 0; i < n; ++i) {
        const auto value = static_cast<float>(i);
        ASSERT_EQ(vectors.row(i)[1], -value);
        ASSERT_EQ(vectors.row(i)[2], value / 2);
    }
}

TEST_F(VectorFiles, ReadsLabels) {
    const auto ivecs = bqq::read_labels(
            write("a.ivecs", vecs_row<int32_t>(2, {5, -1}) + vecs_row<int32_t>(2, {7, 8})));
    EXPECT_EQ(ivecs.d, 2U);
    EXPECT_THAT(ivecs.values, ElementsAre(5, -1, 7, 8));
    const std::vector<int64_t> wide{1LL << 40, -1};
    const auto npy8 = bqq::read_labels(write("a.npy", npy_of("<i8", "(2, 1)", bytes_of(wide))));
    EXPECT_EQ(npy8.values, wide);
    const std::vector<int32_t> narrow{3, -4};
    const auto npy4 = bqq::read_labels(write("b.npy", npy_of("<i4", "(1, 2)", bytes_of(narrow))));
    EXPECT_THAT(npy4.values, ElementsAre(3, -4));
}

TEST_F(VectorFiles, NamesWhatIsWrongWithAFile) {
    const std::string missing = folder_ / "missing.npy";
    EXPECT_THAT(
            [&] { bqq::read_vectors(missing); },
            ThrowsMessage<std::runtime_error>(missing + ": No such file or directory"));
    EXPECT_THAT(
            [&] { bqq::read_vectors(folder_); },
            ThrowsMessage<std::runtime_error>(HasSubstr("is not a regular file")));
    expect_error("a.fvecs", "", "is empty");
    expect_error("a.txt", "1 2 3", "the suffix is none of npy, npz, hdf5, h5, fvecs");
}

TEST_F(VectorFiles, NamesWhatIsWrongWithVecs) {
    const std::string row = vecs_row<float>(2, {1, 2});
    expect_error("a.fvecs", "ab", "is truncated");
    expect_error("a.fvecs", vecs_row<float>(-3, {1}), "row 0 has d = -3");
    expect_error("a.fvecs", vecs_row<float>(0, {1}), "row 0 has d = 0");
    expect_error("a.fvecs", row + row.substr(0, 7), "has 19 bytes, not a multiple of the 12");
    expect_error(
            "a.fvecs", row + row + vecs_row<float>(1, {1, 2}), "row 2 has d = 1, row 0 has d = 2");
    expect_error("a.ivecs", row + vecs_row<float>(5, {1, 2}), "row 1 has d = 5, row 0 has d = 2");
    expect_error("a.bvecs", npy_of("|u1", "(1, 1)", "a"), "not a multiple");
}

TEST_F(VectorFiles, NamesWhatIsWrongWithNpy) {
    const std::string data = bytes_of(six);
    expect_error("a.npy", "NUMPY is not here", "is not a .npy file");
    expect_error("a.npy", "\x93NUMPY", "is truncated");
    expect_error("a.npy", npy("{}", data, 4), "format version 4");
    expect_error("a.npy", npy_of("<f4", "(2, 3)", data.substr(1)), "is truncated: shape (2, 3)");
    expect_error(
            "a.npy", npy_of("<f4", "(2, 3)", data + "ab"), "has 2 bytes more than shape (2, 3)");
    expect_error(
            "a.npy", npy_of("<f4", "(6148914691236517206, 3)", data), "(6148914691236517206, 3)");
    expect_error(
            "a.npy", npy_of("<f4", "(2, 9223372036854775808)", data), "(2, 9223372036854775808)");
    expect_error("a.npy", npy_of("<f4", "(0, 3)", ""), "holds no vectors: shape (0, 3)");
    expect_error("a.npy", npy_of("<f4", "()", data), "has 0 dimensions, not 1 or 2");
    expect_error("a.npy", npy_of("<f4", "(1, 2, 3)", data), "has 3 dimensions, not 1 or 2");
    expect_error("a.npy", npy_of("<c8", "(1, 3)", data), "dtype <c8 is not supported");
    expect_error("a.npy", npy_of("|b1", "(2, 3)", data), "dtype |b1 is not supported");
    expect_error("a.npy", npy_of("<>", "(2, 3)", data), "dtype <> is not supported");
    expect_error(
            "a.npy", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", data),
            "structured dtypes");
    for (const char* malformed :
         {"{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4', 'shape': (2, 3)}",
          "{'fortran_order': False, 'shape': (2, 3)}", "{'descr': '<f4", "[1]", "{} x",
          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}",
          "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", "{'other': '1'}"}) {
        expect_error("a.npy", npy(malformed, data), "the .npy header is malformed");
    }
}

TEST_F(VectorFiles, NamesTheFirstValueThatIsNotFinite) {
    bqq::Matrix<float> vectors{2, 3, six};
    EXPECT_NO_THROW(bqq::check_finite(vectors, "a.npy"));
    vectors.values[5] = std::numeric_limits<float>::infinity();
    EXPECT_THAT(
            [&] { bqq::check_finite(vectors, "a.npy"); },
            ThrowsMessage<std::runtime_error>("a.npy: row 1, column 2 is inf"));
    vectors.values[1] = -std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(
            [&] { bqq::check_finite(vectors, "a.npy"); },
            ThrowsMessage<std::runtime_error>("a.npy: row 0, column 1 is nan"));
}

const bqq::Neighbours found{2, 2, {4, 0, 7, -1}, {0.5F, 1e-20F, 3, 0.1F}};

TEST_F(VectorFiles, WritesLabelsThatReadBack) {
    for (const char* name : {"r.ivecs", "r.npy"}) {
        const std::string path = folder_ / name;
        bqq::write_neighbours(path, found);
        const auto labels = bqq::read_labels(path);
        EXPECT_EQ(labels.n, 2U);
        EXPECT_EQ(labels.values, found.labels) << name;
    }
    EXPECT_EQ(contents(folder_ / "r.npy").find('\n') % 64, 63U); // numpy aligns the data to 64
}

TEST_F(VectorFiles, WritesCsv) {
    bqq::write_neighbours(folder_ / "r.csv", found);
    EXPECT_EQ(
            contents(folder_ / "r.csv"),
            "query,rank,label,distance\n0,0,4,0.5\n0,1,0,1e-20\n1,0,7,3\n1,1,-1,0.1\n");
}

TEST_F(VectorFiles, WritesLargeLabelsButNotAsIvecs) {
    bqq::Neighbours wide = found;
    wide.labels[2] = 1LL << 31;
    EXPECT_THAT(
            [&] { bqq::write_neighbours(folder_ / "r.ivecs", wide); },
            ThrowsMessage<std::runtime_error>(HasSubstr("label 2147483648 does not fit")));
    EXPECT_THAT(names(), IsEmpty());
    bqq::write_neighbours(folder_ / "r.npy", wide);
    EXPECT_EQ(bqq::read_labels(folder_ / "r.npy").values, wide.labels);
}

TEST_F(VectorFiles, RejectsAnUnknownOutputExtension) {
    for (const char* name : {"r.txt", "r"}) {
        const auto check = [&] { bqq::check_neighbour_path(folder_ / name); };
        EXPECT_THAT(
                check, ThrowsMessage<std::runtime_error>(HasSubstr("the extension is none of")));
    }
}

TEST_F(VectorFiles, AtomicWriteReplacesTheWholeFileAndKeepsItsMode) {
    const std::string path = write("a", "a longer text that was there");
    ::chmod(path.c_str(), 0600);
    bqq::write_atomically(path, "new");
    EXPECT_EQ(contents(path), "new");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(VectorFiles, AtomicWriteThatThrowsLeavesTheFileAsItWas) {
    const std::string path = write("a", "old");
    const auto half = [](std::FILE* stream) {
        std::fputs("half", stream);
        throw std::logic_error("stopped");
    };
    EXPECT_THAT(
            [&] { bqq::write_atomically(path, half); }, ThrowsMessage<std::logic_error>("stopped"));
    EXPECT_EQ(contents(path), "old");
    EXPECT_THROW(bqq::write_atomically(folder_ / "b", half), std::logic_error);
    EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(VectorFiles, AtomicWriteFollowsLinks) {
    write("a", "old");
    fs::create_symlink("a", folder_ / "to_a");
    fs::create_symlink("c", folder_ / "to_nothing");
    bqq::write_atomically(folder_ / "to_a", "new");
    bqq::write_atomically(folder_ / "to_nothing", "new");
    EXPECT_TRUE(fs::is_symlink(folder_ / "to_a"));
    EXPECT_TRUE(fs::is_symlink(folder_ / "to_nothing"));
    EXPECT_EQ(contents(folder_ / "a"), "new");
    EXPECT_EQ(contents(folder_ / "c"), "new");
}

TEST_F(VectorFiles, AtomicWriteSeesAFullDisk) {
    for (const size_t size : {size_t{10}, size_t{1} << 20}) {
        EXPECT_THAT(
                [&] { bqq::write_atomically("/dev/full", std::string(size, 'x')); },
                ThrowsMessage<std::runtime_error>(
                        "cannot write /dev/full: No space left on device"));
    }
    const auto throws_itself = [](std::FILE* stream) {
        std::fputs("text", stream);
        if (std::fflush(stream) != 0) throw std::logic_error("less clear");
    };
    EXPECT_THAT(
            [&] { bqq::write_atomically("/dev/full", throws_itself); },
            ThrowsMessage<std::runtime_error>(HasSubstr("No space left on device")));
    EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(VectorFiles, NamesAPathThatCannotBeWritten) {
    const std::string nowhere = folder_ / "missing" / "a";
    const auto message = "cannot write " + nowhere + ": No such file or directory";
    const std::string folder = "cannot write " + folder_.string() + ": Is a directory";
    EXPECT_THAT([&] { bqq::check_writable(nowhere); }, ThrowsMessage<std::runtime_error>(message));
    EXPECT_THAT(
            [&] { bqq::write_atomically(folder_, ""); }, ThrowsMessage<std::runtime_error>(folder));
    EXPECT_THAT([&] { bqq::check_writable(folder_); }, ThrowsMessage<std::runtime_error>(folder));
    EXPECT_THROW(bqq::check_writable(""), std::runtime_error);
    EXPECT_NO_THROW(bqq::check_writable(folder_ / "a"));
    EXPECT_NO_THROW(bqq::check_writable("/dev/stdout"));
    EXPECT_THAT(names(), IsEmpty());
}

} // namespace vector_files_test
