#include <bqq/matrix_codec.h>

#include "base/omp_threads.h"
#include "failing_allocator.h"
#include "file_size_limit.h"
#include "io/digest.h"
#include "random_data.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace matrix_file_test {

namespace fs = std::filesystem;
using bqq::MatrixCodec;
using bqq::MatrixParameters;
using bqq::OmpThreads;
using bqq::test::FileSizeLimit;
using bqq::test::normal_numbers;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

MatrixCodec coded(size_t rows, size_t cols, size_t planes, size_t block = 0) {
    MatrixParameters parameters;
    parameters.planes = planes;
    parameters.effort = 0.001;
    if (block > 0) parameters.block_rows = parameters.block_cols = block;
    return MatrixCodec::compress(normal_numbers(rows, cols, 1), rows, cols, parameters);
}

std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void expect_same(const MatrixCodec& codec, const MatrixCodec& again) {
    EXPECT_EQ(again.rows(), codec.rows());
    EXPECT_EQ(again.cols(), codec.cols());
    EXPECT_EQ(again.planes(), codec.planes());
    EXPECT_EQ(again.blocks(), codec.blocks());
    EXPECT_EQ(again.mse_per_plane(), codec.mse_per_plane());
    EXPECT_EQ(again.memory_bytes(), codec.memory_bytes());
    EXPECT_EQ(again.reconstruct(), codec.reconstruct());
    std::vector<float> x = normal_numbers(2, codec.cols(), 3);
    std::vector<float> first(2 * codec.rows()), second(2 * codec.rows());
    codec.multiply(x, first);
    again.multiply(x, second);
    EXPECT_EQ(first, second);
    x = normal_numbers(2, codec.rows(), 4);
    first.resize(2 * codec.cols());
    second.resize(2 * codec.cols());
    codec.multiply_transposed(x, first);
    again.multiply_transposed(x, second);
    EXPECT_EQ(first, second);
}

class MatrixFile : public bqq::test::FolderTest {
protected:
    std::string bytes_of(const MatrixCodec& codec) const {
        codec.save(path("bytes"));
        const std::string bytes = contents(path("bytes"));
        fs::remove(path("bytes"));
        return bytes;
    }
};

TEST_F(MatrixFile, LoadsWhatWasSaved) {
    std::vector<MatrixCodec> codecs{
            coded(20, 30, 2), coded(20, 30, 3, 13), coded(1, 70, 1), coded(130, 2, 2, 9),
            coded(1, 1, 2)};
    codecs.push_back(coded(20, 30, 2, 16));
    MatrixParameters parameters;
    parameters.effort = 0.001;
    codecs.back().add_planes(normal_numbers(20, 30, 1), parameters);
    codecs.back().keep_planes(3);
    for (const MatrixCodec& codec : codecs) {
        codec.save(path("code"));
        expect_same(codec, MatrixCodec::load(path("code")));
        EXPECT_THAT(names(), ElementsAre("code")) << "nothing beside it";
    }
}

TEST_F(MatrixFile, ALoadedCodeTakesMorePlanes) {
    MatrixParameters one;
    one.planes = 1;
    one.effort = 0.001;
    const std::vector<float> X = normal_numbers(20, 30, 1);
    auto codec = coded(20, 30, 1, 16);
    codec.save(path("code"));
    auto again = MatrixCodec::load(path("code"));
    codec.add_planes(X, one);
    again.add_planes(X, one);
    EXPECT_EQ(again.blocks(), codec.blocks());
    again.keep_planes(1);
    EXPECT_EQ(again.planes(), 1u);
}

TEST_F(MatrixFile, HoldsLittleMoreThanTheMemory) {
    for (const size_t block : {0, 16}) {
        const auto codec = coded(40, 33, 2, block);
        const size_t blocks = codec.blocks().size();
        // The header, sizes of 44 bytes and up to one unfinished byte a block, an error a plane,
        // the digest.
        EXPECT_LE(bytes_of(codec).size(), codec.memory_bytes() + 80 + 45 * blocks + 8 * 2);
    }
}

TEST_F(MatrixFile, EveryTruncationIsRefused) {
    const std::string bytes = bytes_of(coded(3, 5, 2, 4));
    for (size_t size = 0; size < bytes.size(); ++size) {
        const std::string file = write("short", bytes.substr(0, size));
        EXPECT_THAT(
                [&] { MatrixCodec::load(file); },
                ThrowsMessage<std::runtime_error>(HasSubstr(file)))
                << size << " of " << bytes.size();
    }
    EXPECT_THROW(MatrixCodec::load(write("long", bytes + '\0')), std::runtime_error);
}

TEST_F(MatrixFile, EveryChangedByteIsRefused) {
    const std::string bytes = bytes_of(coded(3, 5, 2, 4));
    for (size_t i = 0; i < bytes.size(); ++i)
        for (const char change : {1, -128}) {
            std::string corrupt = bytes;
            corrupt[i] = static_cast<char>(corrupt[i] ^ change);
            const std::string file = write("corrupt", corrupt);
            EXPECT_THAT(
                    [&] { MatrixCodec::load(file); },
                    ThrowsMessage<std::runtime_error>(HasSubstr(file)))
                    << "byte " << i;
        }
}

/// A value in place of what stands at `at`, and the digest that then fits.
template <class T>
std::string with(std::string bytes, size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
    bqq::Digest digest;
    digest.update(bytes.data(), bytes.size() - 8);
    const uint64_t sum = digest.value();
    std::memcpy(bytes.data() + bytes.size() - 8, &sum, sizeof sum);
    return bytes;
}

// As someone who means harm would: with right digests.
TEST_F(MatrixFile, NoChangedByteWithARightDigestDoesHarm) {
    const std::string bytes = bytes_of(coded(3, 5, 2, 4));
    size_t loaded = 0;
    for (size_t i = 0; i < bytes.size() - 8; ++i)
        for (const int change : {0x01, 0x80, 0xff}) {
            const auto byte = static_cast<uint8_t>(bytes[i] ^ change);
            const std::string file = write("changed", with(bytes, i, byte));
            try {
                const bqq::test::AllocatedBytes allocated(4 * bytes.size() + (16 << 20));
                const MatrixCodec codec = MatrixCodec::load(file);
                ++loaded;
                (void)codec.reconstruct();
                std::vector<float> y(codec.rows());
                codec.multiply(std::vector<float>(codec.cols(), 1.0f), y);
                codec.save(path("again"));
            } catch (const bqq::FileError& error) {
                EXPECT_THAT(error.what(), HasSubstr(file));
            }
        }
    EXPECT_GT(loaded, 0u); // such as those with other bits
}

TEST_F(MatrixFile, NumbersThatAreNoneAndSurplusBytesAreRefused) {
    const std::string bytes = bytes_of(coded(3, 5, 2));
    const size_t scale = 4 + 4 + 6 * 8 + 2 * 8 + 5 * 8;
    for (size_t i = 0; i < 4; ++i)
        for (const float value : {NAN, INFINITY})
            EXPECT_THAT(
                    [&] { MatrixCodec::load(write("none", with(bytes, scale + 4 * i, value))); },
                    ThrowsMessage<bqq::FileError>(HasSubstr("scale")));
    EXPECT_THAT(
            [&] {
                MatrixCodec::load(write("more", with(bytes + std::string(3, '\0'), 4, bytes[4])));
            },
            ThrowsMessage<bqq::FileError>(HasSubstr("bytes follow")));
}

TEST_F(MatrixFile, AnotherVersionIsNamed) {
    const std::string file = write("newer", with(bytes_of(coded(3, 5, 2)), 4, uint32_t{77}));
    EXPECT_THAT(
            [&] { MatrixCodec::load(file); },
            ThrowsMessage<std::runtime_error>(
                    AllOf(HasSubstr(file), HasSubstr("version 77"), HasSubstr("reads 1 to 2"))));
}

TEST_F(MatrixFile, SizesThatDoNotFitAreRefused) {
    const std::string bytes = bytes_of(coded(3, 5, 2));
    const auto refuses = [&](size_t at, uint64_t value, const std::string& reason) {
        const std::string file = write("wrong", with(bytes, at, value));
        EXPECT_THAT(
                [&] { MatrixCodec::load(file); },
                ThrowsMessage<std::runtime_error>(AllOf(HasSubstr(file), HasSubstr(reason))))
                << value << " at " << at;
    };
    // Of the matrix: rows, cols, block_rows, block_cols, planes, number of blocks.
    const size_t sizes = 4 + 4;
    for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{6}, uint64_t{1} << 40})
        for (const size_t field : {0, 1, 2, 3, 4, 5})
            if (field < 5 || value != 1) refuses(sizes + 8 * field, value, "");
    refuses(sizes + 8 * 5, 0, "blocks are missing");
    refuses(sizes + 8 * 5, 2, "more blocks than the matrix has");
    // Of the block: row, col, rows, cols, rank.
    const size_t block = sizes + 6 * 8 + 2 * 8;
    for (const uint64_t value : {uint64_t{6}, uint64_t{1} << 40, ~uint64_t{0}})
        for (const size_t field : {0, 1, 2, 3}) refuses(block + 8 * field, value, "block 0");
    for (const uint64_t rank : {uint64_t{0}, uint64_t{25}, ~uint64_t{0}})
        refuses(block + 8 * 4, rank, "block 0");
}

// The bits of such a block are none, in numbers of 64 bits.
TEST_F(MatrixFile, SizesWhoseProductWrapsAreRefused) {
    std::string bytes = bytes_of(coded(3, 5, 2));
    const size_t sizes = 4 + 4, block = sizes + 6 * 8 + 2 * 8;
    const uint64_t large = uint64_t{1} << 31;
    for (const size_t at :
         {sizes, sizes + 8, sizes + 16, sizes + 24, block + 16, block + 24, block + 32})
        bytes = with(bytes, at, large);
    const std::string file = write("wraps", bytes);
    EXPECT_THAT(
            [&] { MatrixCodec::load(file); },
            ThrowsMessage<bqq::FileError>(HasSubstr("2147483648 x 2147483648")));
    const std::string planes = write("planes", with(bytes_of(coded(3, 5, 2)), sizes + 32, large));
    EXPECT_THAT(
            [&] { MatrixCodec::load(planes); },
            ThrowsMessage<bqq::FileError>(HasSubstr("2147483648 planes")));
}

TEST_F(MatrixFile, IsTheSameForTheSameMatrix) {
    const std::vector<float> X = normal_numbers(150, 70, 1);
    for (const size_t block : {size_t{0}, size_t{64}}) {
        std::string first;
        for (const int threads : {1, 2, 3}) {
            const OmpThreads limit(threads);
            MatrixParameters parameters;
            parameters.effort = 0.002;
            if (block > 0) parameters.block_rows = parameters.block_cols = block;
            const std::string bytes = bytes_of(MatrixCodec::compress(X, 150, 70, parameters));
            if (first.empty()) first = bytes;
            EXPECT_TRUE(bytes == first) << threads << " threads, blocks of " << block;
        }
    }
}

TEST_F(MatrixFile, ACodeOfNothingIsNotSaved) {
    EXPECT_THROW(MatrixCodec().save(path("nothing")), bqq::Error);
    EXPECT_THAT(names(), testing::IsEmpty());
}

TEST_F(MatrixFile, ForeignAndMissingFilesAreNamed) {
    for (const std::string bytes :
         {"", "B", "BQQM", "BQQM and no matrix at all", "BQQI, another of our files",
          "\x93NUMPY"}) {
        const std::string file = write("foreign", bytes);
        EXPECT_THAT(
                [&] { MatrixCodec::load(file); },
                ThrowsMessage<std::runtime_error>(HasSubstr(file)))
                << bytes;
    }
    for (const std::string& file : {path("missing"), path("no/such/folder"), path("")})
        EXPECT_THAT(
                [&] { MatrixCodec::load(file); },
                ThrowsMessage<std::runtime_error>(HasSubstr(file)));
}

TEST_F(MatrixFile, UnwritablePathsAreNamed) {
    const auto codec = coded(3, 5, 1);
    for (const std::string& file :
         {path("no/such/folder"), path("."), std::string("/dev/full"), std::string("/proc/bqq")})
        EXPECT_THAT([&] { codec.save(file); }, ThrowsMessage<std::runtime_error>(HasSubstr(file)))
                << file;
    EXPECT_THAT(names(), testing::IsEmpty());
}

TEST_F(MatrixFile, AFailedSaveLeavesTheOldFile) {
    const std::string file = write("a", "precious");
    {
        const FileSizeLimit limit(100);
        EXPECT_THAT(
                [&] { coded(20, 30, 2).save(file); },
                ThrowsMessage<std::runtime_error>(HasSubstr(file)));
    }
    EXPECT_EQ(contents(file), "precious");
    EXPECT_THAT(names(), ElementsAre("a"));
    coded(20, 30, 2).save(file);
    EXPECT_EQ(MatrixCodec::load(file).planes(), 2u);
}

} // namespace matrix_file_test
