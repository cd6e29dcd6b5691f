#include "io/vector_file.h"
#include "temporary_folder.h"

#include <bqq/error.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace vector_formats_test {

using bqq::FileHints;
using bqq::VectorFile;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string npy(
        const std::string& descr, const std::string& shape, const std::string& data,
        const std::string& fortran_order = "False") {
    const std::string dictionary = "{'descr': '" + descr + "', 'fortran_order': " + fortran_order +
                                   ", 'shape': " + shape + ", }\n";
    return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(dictionary.size()) + '\0' +
           dictionary + data;
}

template <class T>
std::string vecs(int32_t d, const std::vector<T>& values) {
    std::string bytes;
    for (size_t i = 0; i < values.size(); i += static_cast<size_t>(d))
        bytes += bytes_of(std::vector<int32_t>{d}) +
                 bytes_of(std::vector<T>(
                         values.begin() + static_cast<std::ptrdiff_t>(i),
                         values.begin() + static_cast<std::ptrdiff_t>(i) + d));
    return bytes;
}

template <class T>
std::string bin(uint32_t n, uint32_t d, const std::vector<T>& values) {
    return bytes_of(std::vector<uint32_t>{n, d}) + bytes_of(values);
}

/// Each number with its bytes in reverse order.
template <class T>
std::string big_endian(const std::vector<T>& values) {
    std::string bytes = bytes_of(values);
    for (auto at = bytes.begin(); at != bytes.end(); at += sizeof(T))
        std::reverse(at, at + sizeof(T));
    return bytes;
}

class VectorFormats : public bqq::test::FolderTest {
protected:
    std::vector<float> vectors(const std::string& name, const FileHints& hints = {}) const {
        return VectorFile(path(name), hints).matrix<float>().values;
    }

    std::vector<int64_t> labels(const std::string& name, const FileHints& hints = {}) const {
        return VectorFile(path(name), hints).matrix<int64_t>().values;
    }

    void expect_error(
            const std::string& name, const std::string& reason, const FileHints& hints = {}) const {
        EXPECT_THAT(
                [&] { vectors(name, hints); },
                ThrowsMessage<bqq::FileError>(
                        AllOf(StartsWith(bqq::path_of(path(name)) + ":"), HasSubstr(reason))));
    }

    void expect_error_of(
            const std::string& name, const std::string& bytes, const std::string& reason,
            const FileHints& hints = {}) const {
        write(name, bytes);
        expect_error(name, reason, hints);
    }

    /// A file of several arrays of .npy.
    void write_npz(
            const std::string& name,
            const std::vector<std::pair<std::string, std::string>>& members,
            int compression) const {
        zip_t* archive = zip_open(path(name).c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
        ASSERT_NE(archive, nullptr);
        for (const auto& [member, bytes] : members) {
            zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
            const auto index = zip_file_add(archive, member.c_str(), source, 0);
            ASSERT_GE(index, 0);
            zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compression, 0);
        }
        ASSERT_EQ(zip_close(archive), 0);
    }

    /// Datasets of an HDF5 file.
    class Hdf5 {
    public:
        explicit Hdf5(const std::string& path)
                : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
        ~Hdf5() { H5Fclose(file_); }
        /// @param values  nullptr: none are written, one if compressed
        void add(
                const char* name, const std::vector<hsize_t>& shape, hid_t type, const void* values,
                bool compressed = false) const {
            const hid_t space =
                    H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
            const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
            if (compressed) {
                const std::vector<hsize_t> chunk(shape.size(), 2);
                H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
                H5Pset_deflate(properties, 9);
            }
            const hid_t dataset =
                    H5Dcreate2(file_, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
            EXPECT_GE(dataset, 0);
            if (values != nullptr) {
                EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
            }
            if (values == nullptr && compressed) write_corner(dataset, space);
            H5Dclose(dataset);
            H5Pclose(properties);
            H5Sclose(space);
        }

    private:
        /// Writes the first number alone, for which there is one chunk.
        static void write_corner(hid_t dataset, hid_t space) {
            const hsize_t start[] = {0, 0};
            const hsize_t count[] = {1, 1};
            H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr);
            const hid_t one = H5Screate_simple(2, count, nullptr);
            const float number = 1;
            EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, one, space, H5P_DEFAULT, &number), 0);
            H5Sclose(one);
        }

        hid_t file_;
    };
};

const std::vector<float> six{1, 2, 3, 4, 5, 6};

TEST_F(VectorFormats, NpyOfEveryType) {
    const auto expect = [&](const auto& values, const std::string& code, const std::string& name) {
        write("a.npy", npy("<" + code, "(3, 2)", bytes_of(values)));
        EXPECT_EQ(vectors("a.npy"), six) << name;
        EXPECT_EQ(VectorFile(path("a.npy")).stored(), name);
        write("a.npy", npy(">" + code, "(3, 2)", big_endian(values)));
        EXPECT_EQ(vectors("a.npy"), six) << "big-endian " << name;
        EXPECT_EQ(VectorFile(path("a.npy")).stored(), "big-endian " + name);
    };
    expect(std::vector<double>{1, 2, 3, 4, 5, 6}, "f8", "float64");
    expect(six, "f4", "float32");
    expect(std::vector<uint16_t>{0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600}, "f2", "float16");
    expect(std::vector<int16_t>{1, 2, 3, 4, 5, 6}, "i2", "int16");
    expect(std::vector<int32_t>{1, 2, 3, 4, 5, 6}, "i4", "int32");
    expect(std::vector<int64_t>{1, 2, 3, 4, 5, 6}, "i8", "int64");
    expect(std::vector<uint32_t>{1, 2, 3, 4, 5, 6}, "u4", "uint32");
    expect(std::vector<uint64_t>{1, 2, 3, 4, 5, 6}, "u8", "uint64");
    write("a.npy", npy("|i1", "(1, 3)", bytes_of(std::vector<int8_t>{-128, 0, 127})));
    EXPECT_THAT(vectors("a.npy"), ElementsAre(-128, 0, 127));
    write("a.npy", npy("|u1", "(1, 2)", bytes_of(std::vector<uint8_t>{0, 255})));
    EXPECT_THAT(vectors("a.npy"), ElementsAre(0, 255));
}

TEST_F(VectorFormats, NpyOf16BitsIsReadAsAsked) {
    const std::vector<uint16_t> bits{0x3f80, 0xc000, 0x4049};
    for (const char* descr : {"<u2", "|V2"}) {
        write("a.npy", npy(descr, "(1, 3)", bytes_of(bits)));
        EXPECT_THAT(vectors("a.npy", {.dtype = "bfloat16"}), ElementsAre(1, -2, 3.140625F));
        EXPECT_THAT(vectors("a.npy", {.dtype = "uint16"}), ElementsAre(0x3f80, 0xc000, 0x4049));
        expect_error("a.npy", "as float32 is not supported", {.dtype = "float32"});
    }
    expect_error("a.npy", "dtype |V2 is not supported");
    write("a.npy", npy("<u2", "(1, 3)", bytes_of(bits)));
    EXPECT_THAT(vectors("a.npy"), ElementsAre(0x3f80, 0xc000, 0x4049));
    write("a.npy", npy("<f4", "(3, 2)", bytes_of(six)));
    EXPECT_EQ(vectors("a.npy", {.dtype = "bfloat16"}), six) << "the file says its type itself";
}

TEST_F(VectorFormats, NpyInFortranOrder) {
    write("a.npy", npy("<f4", "(3, 2)", bytes_of(std::vector<float>{1, 3, 5, 2, 4, 6}), "True"));
    VectorFile file(path("a.npy"));
    EXPECT_EQ(file.matrix<float>().values, six);
    EXPECT_EQ(file.stored(), "float32 in Fortran order");
    std::vector<float> middle(2);
    file.read(1, 1, middle.data());
    EXPECT_THAT(middle, ElementsAre(3, 4));
    write("a.npy", npy("<f4", "(3, 2)", bytes_of(six).substr(1), "True"));
    expect_error("a.npy", "is truncated: shape (3, 2)");
}

TEST_F(VectorFormats, NpyOfOneDimensionIsOneRow) {
    write("a.npy", npy("<f4", "(6,)", bytes_of(six)));
    const VectorFile file(path("a.npy"));
    EXPECT_EQ(file.n(), 1U);
    EXPECT_EQ(file.d(), 6U);
    EXPECT_EQ(vectors("a.npy"), six);
}

TEST_F(VectorFormats, NpzMembersByName) {
    const std::string x = npy("<f4", "(3, 2)", bytes_of(six));
    const std::string y = npy("<i8", "(2,)", bytes_of(std::vector<int64_t>{7, 8}));
    for (const int compression : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
        write_npz("a.npz", {{"x.npy", x}, {"y.npy", y}}, compression);
        EXPECT_EQ(vectors("a.npz:x"), six);
        EXPECT_THAT(labels("a.npz:y"), ElementsAre(7, 8));
        EXPECT_EQ(vectors("a.npz", {.member = "x"}), six) << "a default";
        expect_error("a.npz", "does not say which array: name one, as in FILE:NAME, of x, y");
        expect_error("a.npz:z", "has no array 'z', it has x, y");
        write_npz("a.npz", {{"x.npy", x}, {"readme.txt", "text"}}, compression);
        EXPECT_EQ(vectors("a.npz"), six) << "the only array";
    }
    write_npz("a.npz", {{"x.npy", x.substr(0, x.size() - 1)}}, ZIP_CM_DEFLATE);
    EXPECT_THAT(
            [&] { vectors("a.npz"); },
            ThrowsMessage<bqq::FileError>(StartsWith(path("a.npz") + ":x: is truncated")));
    write_npz("a.npz", {{"a.txt", "text"}}, ZIP_CM_STORE);
    expect_error("a.npz", "does not say which array");
    expect_error_of("a.npz", "no zip", "is not a .npz file");
}

TEST_F(VectorFormats, NpzWhoseContentsChangedIsRefused) {
    write_npz("a.npz", {{"x.npy", npy("<f4", "(3, 2)", bytes_of(six))}}, ZIP_CM_STORE);
    std::fstream file(path("a.npz"), std::ios::in | std::ios::out | std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    bytes[bytes.find(bytes_of(six)) + 3] ^= 1;
    expect_error_of("a.npz", bytes, "CRC");
}

TEST_F(VectorFormats, FilesOfBigAnnBenchmarks) {
    write("a.fbin", bin(3, 2, six));
    EXPECT_EQ(vectors("a.fbin"), six);
    write("a.u8bin", bin(1, 3, std::vector<uint8_t>{0, 128, 255}));
    EXPECT_THAT(vectors("a.u8bin"), ElementsAre(0, 128, 255));
    write("a.i8bin", bin(1, 3, std::vector<int8_t>{0, -128, 127}));
    EXPECT_THAT(vectors("a.i8bin"), ElementsAre(0, -128, 127));
    const std::vector<int32_t> ids{4, 5, -1, 7};
    write("a.ibin", bin(2, 2, ids));
    EXPECT_THAT(labels("a.ibin"), ElementsAre(4, 5, -1, 7));
    write("a.ibin", bin(2, 2, ids) + bytes_of(std::vector<float>{1, 2, 3, 4}));
    EXPECT_THAT(labels("a.ibin"), ElementsAre(4, 5, -1, 7)) << "distances follow";

    expect_error_of("a.fbin", "abc", "is truncated");
    expect_error_of("a.fbin", bin<float>(0, 5, {}), "holds no vectors: shape (0, 5)");
    expect_error_of("a.fbin", bin<float>(5, 0, {}), "holds no vectors: shape (5, 0)");
    expect_error_of("a.fbin", bin(4, 2, six), "is truncated: shape (4, 2) of float32 needs more");
    expect_error_of("a.fbin", bin(2, 2, six), "has 8 bytes more than shape (2, 2) needs");
    expect_error_of("a.fbin", bin(~0U, ~0U, six), "shape (4294967295, 4294967295)");
    expect_error_of("a.fbin", bin(1U << 31, 2, six), "shape (2147483648, 2)");
}

TEST_F(VectorFormats, VecsOfIntegers) {
    write("a.ivecs", vecs<int32_t>(3, {1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(vectors("a.ivecs"), six);
    EXPECT_THAT(labels("a.ivecs"), ElementsAre(1, 2, 3, 4, 5, 6));
    write("a.fvecs", vecs(3, six));
    EXPECT_THAT(
            [&] { labels("a.fvecs"); },
            ThrowsMessage<bqq::FileError>(HasSubstr("labels have to be integers, not float32")));
    expect_error_of("a.fvecs", vecs(3, six).replace(0, 4, "\xff\xff\xff\x7f"), "d = 2147483647");
    expect_error_of("a.fvecs", vecs(3, six).replace(0, 4, "\x01\0\0\x80", 4), "d = -2147483647");
}

TEST_F(VectorFormats, RawNumbers) {
    write("a.raw", bytes_of(six));
    EXPECT_EQ(vectors("a.raw", {.dim = 2}), six);
    write("a.dat", bytes_of(std::vector<int8_t>{-1, 2, -3, 4}));
    const FileHints hints{.format = "raw", .dtype = "int8", .dim = 2};
    EXPECT_THAT(vectors("a.dat", hints), ElementsAre(-1, 2, -3, 4));
    EXPECT_EQ(VectorFile(path("a.dat"), hints).n(), 2U);
    expect_error("a.raw", "--dim has to say the numbers of a row");
    expect_error("a.raw", "has 24 bytes, not a multiple of the 20 of 5 float32", {.dim = 5});
    expect_error("a.raw", "is truncated: shape (1, 7)", {.dim = 7});
    expect_error("a.raw", "is truncated", {.dim = SIZE_MAX / 2});
    expect_error("a.raw", "dtype 'float33' is none of float64,", {.dtype = "float33", .dim = 2});
}

TEST_F(VectorFormats, CsvWithAndWithoutHeader) {
    for (const char* text :
         {"1,2\n3,4\n5,6\n", "1,2\r\n3,4\r\n5,6", "x,y\n1,2\n3,4\n5,6\n",
          "# written by numpy\n1.0e+00,2\n\n3, +4\n\"5\",6\n", "\xef\xbb\xbfx,y\n1,2\n3,4\n5,6\n",
          "\xef\xbb\xbf"
          "1,2\n3,4\n5,6\n"}) {
        write("a.csv", text);
        EXPECT_EQ(vectors("a.csv"), six) << text;
        EXPECT_FALSE(VectorFile(path("a.csv")).has_ids());
    }
    write("a.tsv", "1\t2\n3\t4\n5\t6\n");
    EXPECT_EQ(vectors("a.tsv"), six);
    write("a.csv", "7\n-8\n9007199254740993\n");
    EXPECT_THAT(labels("a.csv"), ElementsAre(7, -8, 9007199254740993));
    write("a.csv", "7.000000000000000000e+00\n-8.0\n");
    EXPECT_THAT(labels("a.csv"), ElementsAre(7, -8)) << "numpy.savetxt";
    for (const char* number : {"7.5", "1e17", "inf"}) {
        write("a.csv", number);
        EXPECT_THAT(
                [&] { labels("a.csv"); },
                ThrowsMessage<bqq::FileError>(HasSubstr("not an integer")));
    }
}

TEST_F(VectorFormats, CsvNumbersThatAFloatCannotHold) {
    write("a.csv", "1e-60,-1e60\n");
    EXPECT_THAT(vectors("a.csv"), ElementsAre(0, -std::numeric_limits<float>::infinity()));
}

TEST_F(VectorFormats, CsvWithIds) {
    const auto expect = [&](const FileHints& hints) {
        VectorFile file(path("a.csv"), hints);
        EXPECT_EQ(file.matrix<float>().values, six);
        ASSERT_TRUE(file.has_ids());
        std::vector<int64_t> ids(2);
        file.read_ids(1, 2, ids.data());
        EXPECT_THAT(ids, ElementsAre(20, 9007199254740993));
    };
    write("a.csv", "x,Id,y\n1,10,2\n3,20,4\n5,9007199254740993,6\n");
    expect({});
    EXPECT_THAT(labels("a.csv:id"), ElementsAre(10, 20, 9007199254740993));
    EXPECT_THAT(vectors("a.csv:y"), ElementsAre(2, 4, 6));
    write("a.csv", "1,2,10\n3,4,20\n5,6,9007199254740993\n");
    expect({.id_column = "2"});
    EXPECT_THAT(labels("a.csv:2"), ElementsAre(10, 20, 9007199254740993));
    expect_error("a.csv", "has no column 'key', only 3 without names", {.id_column = "key"});
    expect_error("a.csv:3", "has no column '3'");
    write("a.csv", "id\n5\n6\n");
    EXPECT_THAT(labels("a.csv"), ElementsAre(5, 6));
}

TEST_F(VectorFormats, CsvIsReadFromTheMiddle) {
    std::string text = "x,y\n";
    const size_t n = 5000;
    for (size_t i = 0; i < n; ++i) text += std::to_string(i) + ',' + std::to_string(i * i) + '\n';
    VectorFile file(write("a.csv", text));
    EXPECT_EQ(file.n(), n);
    for (const size_t begin : {0UL, 100UL, 102UL, 4998UL, 1024UL, 1023UL, 0UL, 3000UL}) {
        std::vector<int64_t> two(4);
        file.read(begin, 2, two.data());
        const auto i = static_cast<int64_t>(begin);
        EXPECT_THAT(two, ElementsAre(i, i * i, i + 1, (i + 1) * (i + 1)));
    }
}

TEST_F(VectorFormats, NamesWhatIsWrongWithCsv) {
    expect_error_of("a.csv", "", "is empty");
    expect_error_of("a.csv", "\n\n", "holds no rows");
    expect_error_of("a.csv", "x,y\n", "holds no rows");
    expect_error_of("a.csv", "1,2\n3,4\n5\n", "row 2 has 1 columns, the first line has 2");
    expect_error_of("a.csv", "1,2\n3,four\n", "row 1, column 1 is 'four', not a number");
    expect_error_of("a.csv", "1,2\n3,\n", "row 1, column 1 is '', not a number");
    expect_error_of("a.csv", "1,2\n3,4x\n", "row 1, column 1 is '4x', not a number");
    write("a.csv", "1\n2.5\n");
    EXPECT_THAT(
            [&] { labels("a.csv"); },
            ThrowsMessage<bqq::FileError>(HasSubstr("row 1, column 0 is '2.5', not an integer")));
}

TEST_F(VectorFormats, Hdf5OfAnnBenchmarks) {
    const std::vector<int32_t> neighbours{2, 0, 1, 0};
    const std::vector<double> distances{0.5, 1, 2, 3};
    {
        const Hdf5 file(path("a.hdf5"));
        file.add("train", {3, 2}, H5T_NATIVE_FLOAT, six.data());
        file.add("test", {2, 2}, H5T_NATIVE_FLOAT, six.data() + 2, true);
        file.add("neighbors", {2, 2}, H5T_NATIVE_INT32, neighbours.data());
        file.add("distances", {2, 2}, H5T_NATIVE_DOUBLE, distances.data());
        file.add("one", {6}, H5T_NATIVE_FLOAT, six.data());
        file.add("cube", {1, 2, 3}, H5T_NATIVE_FLOAT, six.data());
        file.add("none", {0, 3}, H5T_NATIVE_FLOAT, nullptr);
        file.add("huge", {hsize_t{1} << 40, 1 << 20}, H5T_NATIVE_FLOAT, nullptr, true);
        file.add("unwritten", {2, 2}, H5T_NATIVE_FLOAT, nullptr);
        const hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, 2);
        file.add("text", {2}, text, "abcd");
        H5Tclose(text);
    }
    EXPECT_EQ(vectors("a.hdf5", {.member = "train"}), six);
    EXPECT_EQ(vectors("a.hdf5:train", {.member = "test"}), six);
    EXPECT_THAT(vectors("a.hdf5", {.member = "test"}), ElementsAre(3, 4, 5, 6));
    EXPECT_THAT(labels("a.hdf5:neighbors"), ElementsAre(2, 0, 1, 0));
    EXPECT_THAT(vectors("a.hdf5:distances"), ElementsAre(0.5, 1, 2, 3));
    EXPECT_EQ(VectorFile(path("a.hdf5:distances")).stored(), "float64");
    EXPECT_EQ(VectorFile(path("a.hdf5:one")).n(), 1U);
    EXPECT_EQ(vectors("a.hdf5:one"), six);
    std::vector<float> middle(2);
    VectorFile(path("a.hdf5:train")).read(1, 1, middle.data());
    EXPECT_THAT(middle, ElementsAre(3, 4));

    expect_error("a.hdf5", "does not say which array: name one, as in FILE:NAME, of cube, dist");
    expect_error("a.hdf5:cube", "dataset cube: has 3 dimensions, not 1 or 2");
    expect_error("a.hdf5:none", "dataset none: holds no vectors: shape (0, 3)");
    expect_error("a.hdf5:huge", "shape (1099511627776, 1048576) needs more than the file holds");
    expect_error("a.hdf5:unwritten", "needs more than the file holds");
    expect_error("a.hdf5:text", "dataset text: does not hold numbers");
    expect_error("a.hdf5:nothing", "has no array 'nothing'");
    expect_error_of("b.hdf5", "no HDF5", "is not an HDF5 file");
    EXPECT_THAT(
            [&] { labels("a.hdf5:train"); },
            ThrowsMessage<bqq::FileError>(HasSubstr("labels have to be integers, not float32")));
}

TEST_F(VectorFormats, SuffixInAnyCase) {
    write("A.FVECS", vecs(3, six));
    write("b.Npy", npy("<f4", "(3, 2)", bytes_of(six)));
    EXPECT_EQ(vectors("A.FVECS"), six);
    EXPECT_EQ(vectors("b.Npy"), six);
}

TEST_F(VectorFormats, FormatWithoutASuffix) {
    write("a", npy("<f4", "(3, 2)", bytes_of(six)));
    EXPECT_EQ(vectors("a"), six) << "known by its first bytes";
    write_npz("b", {{"x.npy", npy("<f4", "(3, 2)", bytes_of(six))}}, ZIP_CM_STORE);
    EXPECT_EQ(vectors("b"), six);
    { Hdf5(path("c")).add("x", {3, 2}, H5T_NATIVE_FLOAT, six.data()); }
    EXPECT_EQ(vectors("c"), six);
    write("d.txt", vecs(3, six));
    EXPECT_EQ(vectors("d.txt", {.format = "fvecs"}), six);
    EXPECT_EQ(vectors("d.txt", {.format = "FVECS"}), six);
    expect_error("d.txt", "the suffix is none of npy,");
    expect_error("d.txt", "--format is 'vecs', none of npy,", {.format = "vecs"});
}

TEST_F(VectorFormats, APipeIsCopied) {
    const std::string name = path("a.fvecs");
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    std::vector<float> many(3 * 500'000);
    for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i);
    std::thread writer([&] { std::ofstream(name, std::ios::binary) << vecs(3, many); });
    VectorFile file(name);
    writer.join();
    EXPECT_EQ(file.n(), 500'000U);
    EXPECT_TRUE(file.matrix<float>().values == many);
    std::thread silent([&] { std::ofstream(name, std::ios::binary).close(); });
    expect_error("a.fvecs", "is empty");
    silent.join();
}

TEST_F(VectorFormats, APathMayHoldAColon) {
    write("a:b.fvecs", vecs(3, six));
    EXPECT_EQ(vectors("a:b.fvecs"), six);
}

class DamagedFiles : public VectorFormats {
protected:
    /// Files of every format that hold six.
    std::vector<std::string> make() const {
        write("a.npy", npy("<f4", "(3, 2)", bytes_of(six)));
        write("f.npy", npy("<f4", "(3, 2)", bytes_of(six), "True"));
        write("a.fvecs", vecs(3, six));
        write("a.fbin", bin(3, 2, six));
        write("a.csv", "id,x,y\n1,1,2\n2,3,4\n3,5,6\n");
        write_npz("a.npz", {{"x.npy", npy("<f4", "(3, 2)", bytes_of(six))}}, ZIP_CM_DEFLATE);
        return {"a.npy", "f.npy", "a.fvecs", "a.fbin", "a.csv", "a.npz"};
    }

    std::string contents(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    /// Reads a file; whatever is in it, the only error is a FileError.
    bool is_read(const std::string& name, const std::string& bytes) const {
        write(name, bytes);
        try {
            vectors(name);
            return true;
        } catch (const bqq::FileError&) {
            return false;
        }
    }
};

TEST_F(DamagedFiles, OfEveryLengthAreRefused) {
    std::vector<std::string> files = make();
    { Hdf5(path("a.h5")).add("train", {3, 2}, H5T_NATIVE_FLOAT, six.data()); }
    files.emplace_back("a.h5");
    for (const std::string& name : files) {
        const std::string bytes = contents(name);
        ASSERT_TRUE(is_read(name, bytes)) << name;
        size_t read = 0;
        for (size_t length = 0; length < bytes.size(); ++length)
            read += is_read(name, bytes.substr(0, length)) ? 1 : 0;
        // A shorter text, or one vector instead of two, may be a whole file.
        EXPECT_LE(read, name == "a.csv" ? bytes.size() : 1) << name;
    }
}

TEST_F(DamagedFiles, WithOtherBytesAreRefusedOrRead) {
    std::mt19937 random(1);
    for (const std::string& name : make()) {
        const std::string bytes = contents(name);
        size_t refused = 0;
        for (int i = 0; i < 2000; ++i) {
            std::string changed = bytes;
            for (int j = 0; j < 1 + i % 3; ++j)
                changed[random() % changed.size()] = static_cast<char>(random());
            refused += is_read(name, changed) ? 0 : 1;
        }
        EXPECT_GT(refused, 100U) << name;
    }
}

} // namespace vector_formats_test
