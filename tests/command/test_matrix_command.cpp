#include "command_fixture.h"
#include "io/npy_header.h"
#include "io/vector_file.h"
#include "random_data.h"

#include <bqq/matrix_codec.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace matrix_command_test {

namespace fs = std::filesystem;
using bqq::Matrix;
using bqq::MatrixCodec;
using bqq::MatrixParameters;
using bqq::test::Outcome;
using nlohmann::json;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

constexpr size_t rows = 24;
constexpr size_t cols = 20;
constexpr double effort = 0.02;
const std::string quick = " --effort 0.02 ";

Matrix<float> random_matrix(size_t n, size_t d, unsigned seed) {
    return {n, d, bqq::test::normal_numbers(n, d, seed)};
}

std::vector<std::string> keys(const json& object) {
    std::vector<std::string> found;
    for (const auto& [key, value] : object.items()) found.push_back(key);
    return found;
}

double mean_squared_error(const Matrix<float>& X, const Matrix<float>& Y) {
    double sum = 0;
    for (size_t i = 0; i < X.values.size(); ++i) {
        sum += std::pow(static_cast<double>(X.values[i]) - static_cast<double>(Y.values[i]), 2);
    }
    return sum / static_cast<double>(X.values.size());
}

/// A folder with the random matrix x.npy.
class MatrixCommand : public bqq::test::CommandFixture {
protected:
    void SetUp() override {
        CommandFixture::SetUp();
        X_ = random_matrix(rows, cols, 1);
        write_npy("x.npy", X_);
    }

    void write(const std::string& name, const std::string& bytes) const {
        std::ofstream(folder_ / name, std::ios::binary) << bytes;
    }

    void write_npy(const std::string& name, const Matrix<float>& X) const {
        const auto* bytes = reinterpret_cast<const char*>(X.values.data());
        write(name, bqq::npy_header("<f4", X.n, X.d) +
                            std::string(bytes, X.values.size() * sizeof(float)));
    }

    Matrix<float> decompressed(const std::string& name) const {
        expect_success("decompress " + name + " --out decompressed.npy");
        return bqq::read_vectors(folder_ / "decompressed.npy");
    }

    /// Compresses X, expects `info` and the decompressed matrix to agree, returns what they say.
    json round_trip(const Matrix<float>& X, const std::string& options) const {
        SCOPED_TRACE(options);
        write_npy("a.npy", X);
        const Outcome outcome = run("compress a.npy --out a.bqq --json a.json" + quick + options);
        EXPECT_EQ(outcome.exit_code, 0);
        EXPECT_EQ(outcome.err, "");
        json report = json::parse(contents("a.json"));
        json info = report;
        info.erase("seconds"); // of compressing, which a file does not keep
        EXPECT_EQ(json::parse(run("info a.bqq --json -").out), info);
        EXPECT_EQ(report["rows"], X.n);
        EXPECT_EQ(report["cols"], X.d);
        EXPECT_EQ(report["file_bytes"], fs::file_size(folder_ / "a.bqq"));
        EXPECT_EQ(report["mse_per_plane"].size(), report["planes"]);
        EXPECT_EQ(report["mse_per_plane"].back(), report["mse"]);
        const Matrix<float> Y = decompressed("a.bqq");
        EXPECT_EQ(Y.n, X.n);
        EXPECT_EQ(Y.d, X.d);
        const double mse = mean_squared_error(X, Y);
        EXPECT_NEAR(report["mse"].get<double>(), mse, 1e-6 * mse);
        return report;
    }

    Matrix<float> X_;
};

TEST_F(MatrixCommand, CompressInfoAndDecompressAgree) {
    const json report = round_trip(X_, "");
    EXPECT_THAT(
            keys(report),
            ElementsAre(
                    "bits_per_entry", "block_cols", "block_rows", "blocks", "bytes", "cols",
                    "file_bytes", "mse", "mse_per_plane", "planes", "rank", "rows", "seconds"));
    EXPECT_EQ(report["planes"], 2);
    EXPECT_EQ(report["rank"], 10); // 24 * 20 / (24 + 20), rounded down
    EXPECT_EQ(report["blocks"], 1);
    EXPECT_EQ(report["block_rows"], rows);
    EXPECT_EQ(report["block_cols"], cols);
    EXPECT_EQ(report["bytes"], 2 * 10 * (24 + 20) / 8 + 4 * (3 * 2 + 1));
    EXPECT_DOUBLE_EQ(report["bits_per_entry"].get<double>(), 138 * 8.0 / (24 * 20));
    EXPECT_GT(report["seconds"], 0);
    EXPECT_LT(report["mse"], 0.3);
    EXPECT_LT(report["mse_per_plane"][1], report["mse_per_plane"][0]);

    round_trip(X_, "--solver amfd");
    round_trip(X_, "--joint");
    const json wide = round_trip(X_, "--planes 3 --rank 13");
    EXPECT_EQ(wide["planes"], 3);
    EXPECT_EQ(wide["rank"], 13);
    EXPECT_LT(wide["mse"], report["mse"]);
}

TEST_F(MatrixCommand, EachOptionReachesTheCodec) {
    if (std::getenv("BQQ_BEST_TARGET") != nullptr)
        GTEST_SKIP() << "the command runs on another instruction set than this process";
    using Change = std::function<void(MatrixParameters&)>;
    const std::vector<std::pair<std::string, Change>> options{
            {"--planes 3", [](auto& parameters) { parameters.planes = 3; }},
            {"--rank 7", [](auto& parameters) { parameters.rank = 7; }},
            {"--block 11x20", [](auto& parameters) { parameters.block_rows = 11; }},
            {"--block 24x9", [](auto& parameters) { parameters.block_cols = 9; }},
            {"--solver amfd",
             [](auto& parameters) { parameters.solver = bqq::MatrixSolver::amfd; }},
            {"--joint", [](auto& parameters) { parameters.joint = true; }},
            {"--effort 0.04", [](auto& parameters) { parameters.effort = 0.04; }},
            {"--seed 7", [](auto& parameters) { parameters.seed = 7; }}};
    const auto by_command = [&](const std::string& option) {
        const std::string rest = option.starts_with("--effort") ? " " : quick;
        expect_success("compress x.npy --out x.bqq" + rest + option);
        return MatrixCodec::load(folder_ / "x.bqq").blocks();
    };
    const auto by_library = [&](const Change& change) {
        MatrixParameters parameters;
        parameters.effort = effort;
        change(parameters);
        return MatrixCodec::compress(X_.values, X_.n, X_.d, parameters).blocks();
    };
    const auto plain = by_command("");
    EXPECT_TRUE(plain == by_library([](auto&) {}));
    EXPECT_TRUE(plain == by_command("--solver flips"));
    EXPECT_TRUE(plain == by_command("--threads 1"));
    for (const auto& [option, change] : options) {
        const auto found = by_command(option);
        EXPECT_TRUE(found == by_library(change)) << option;
        EXPECT_FALSE(found == plain) << option;
    }
}

TEST_F(MatrixCommand, TheSameMatrixAndSeedGiveTheSameFile) {
    const std::vector<std::string> ways{"", "--joint", "--solver amfd", "--block 10x7"};
    for (const std::string& way : ways) {
        expect_success("compress x.npy --threads 1 --out x.bqq" + quick + way);
        expect_success("compress x.npy --threads 2 --out y.bqq" + quick + way);
        EXPECT_EQ(contents("x.bqq"), contents("y.bqq")) << way;
    }
}

TEST_F(MatrixCommand, ABlockThatDoesNotDivideTheMatrixLeavesSmallerOnes) {
    const json report = round_trip(X_, "--block 10x7");
    EXPECT_EQ(report["blocks"], 9);
    EXPECT_EQ(report["block_rows"], 10);
    EXPECT_EQ(report["block_cols"], 7);
    EXPECT_EQ(report["rank"], 4); // 10 * 7 / (10 + 7), rounded down
    EXPECT_LT(report["mse"], 0.5);
    const auto codec = MatrixCodec::load(folder_ / "a.bqq");
    EXPECT_EQ(codec.blocks().back().rows, 4U);
    EXPECT_EQ(codec.blocks().back().cols, 6U);

    EXPECT_EQ(round_trip(X_, "--block 100x1000")["blocks"], 1);
    EXPECT_EQ(round_trip(X_, "--block 1x1000")["blocks"], rows);
}

TEST_F(MatrixCommand, AConstantMatrixHasNoError) {
    for (const float value : {0.0F, 0.1F, -1e30F}) {
        const Matrix<float> X{5, 7, std::vector<float>(5 * 7, value)};
        const json report = round_trip(X, "");
        EXPECT_EQ(report["mse"], 0.0) << value;
        EXPECT_THAT(report["mse_per_plane"], ElementsAre(0.0, 0.0)) << value;
        EXPECT_THAT(decompressed("a.bqq").values, Each(value));
        const Outcome outcome = run("compress a.npy --out a.bqq");
        EXPECT_THAT(outcome.out, HasSubstr(", mse 0, ")) << value;
    }
}

TEST_F(MatrixCommand, OneRowOrOneColumnIsAMatrix) {
    for (const auto& [n, d] : {std::pair<size_t, size_t>{1, 50}, {50, 1}}) {
        const json report = round_trip(random_matrix(n, d, 2), "");
        EXPECT_EQ(report["rank"], 1);
        EXPECT_LT(report["mse"], 0.5);
        round_trip(random_matrix(n, d, 2), "--block 8x8 --joint");
        round_trip(random_matrix(n, d, 2), "--solver amfd --rank 8");
    }
    EXPECT_NEAR(round_trip(random_matrix(1, 1, 2), "")["mse"].get<double>(), 0, 1e-12);
}

TEST_F(MatrixCommand, ReadsOtherFormatsOfVectors) {
    write("bytes.bvecs", std::string("\2\0\0\0\x01\x02\2\0\0\0\x03\x00", 12));
    expect_success("compress bytes.bvecs --planes 4 --out x.bqq" + quick);
    const Matrix<float> Y = decompressed("x.bqq");
    EXPECT_EQ(Y.n, 2U);
    EXPECT_LT(mean_squared_error({2, 2, {1, 2, 3, 0}}, Y), 0.1);
}

TEST_F(MatrixCommand, PrintsOneLine) {
    Matrix<float> X = X_;
    for (float& value : X.values) value = 10 * value + 3;
    write_npy("x.npy", X);
    const Outcome outcome = run("compress x.npy --out x.bqq --json x.json" + quick);
    EXPECT_THAT(
            outcome.out,
            MatchesRegex("24 x 20, 2 planes: 2\\.30 bits an entry, 138 bytes, mse [0-9]+\\.[0-9]+ "
                         "\\(relative 0\\.[0-9]+\\), [0-9]+\\.[0-9][0-9] s\n"));
    const double mse = json::parse(contents("x.json"))["mse"];
    const double variance =
            mean_squared_error(X, {X.n, X.d, std::vector<float>(X.values.size(), 3)});
    const auto number_after = [&](const std::string& word) {
        return std::stod(outcome.out.substr(outcome.out.find(word) + word.size()));
    };
    EXPECT_NEAR(number_after("mse "), mse, 1e-3 * mse);
    EXPECT_NEAR(number_after("relative "), mse / variance, 1e-2 * mse / variance);

    EXPECT_THAT(
            run("compress x.npy --out x.bqq --planes 1" + quick).out,
            StartsWith("24 x 20, 1 plane: "));
    for (const char* option : {"--json", "--json -"}) {
        const Outcome printed = run("compress x.npy --out x.bqq" + quick + option);
        EXPECT_EQ(json::parse(printed.out)["mse"], mse) << option;
    }
}

TEST_F(MatrixCommand, InfoTellsAMatrixFromAnIndex) {
    expect_success("compress x.npy --out x.bqq" + quick);
    const json report = json::parse(run("info x.bqq --json").out);
    EXPECT_EQ(json::parse(run("info --index x.bqq --json -").out), report);
    const Outcome text = run("info x.bqq --json i.json");
    EXPECT_THAT(text.out, HasSubstr("bits_per_entry    2.3\n"));
    EXPECT_THAT(text.out, HasSubstr("bytes             138\n"));
    EXPECT_THAT(text.out, HasSubstr("mse_per_plane     ["));
    EXPECT_EQ(json::parse(contents("i.json")), report);

    expect_success("build --base x.npy --factory SQ8 --metric l2 --out index.bqq");
    EXPECT_EQ(json::parse(run("info index.bqq --json").out)["index"], "IndexScalarQuantizer");
    expect_failure("decompress index.bqq --out y.npy", "index.bqq: ");
    expect_failure("search --index x.bqq --queries x.npy --k 1 --out r.npy", "x.bqq");
    expect_failure("info", "required");
    expect_failure("info x.bqq --index index.bqq", "--index");
    expect_failure("info x.bqq --json no/i.json", "cannot write no/i.json");
}

TEST_F(MatrixCommand, RejectsABadCommandLine) {
    const std::string compress = "compress x.npy --out x.bqq ";
    expect_failure("compress --out x.bqq", "matrix is required");
    expect_failure("compress x.npy", "--out is required");
    expect_failure("decompress --out y.npy", "matrix is required");
    expect_failure("decompress x.bqq", "--out is required");
    expect_failure(compress + "y.npy", "y.npy");
    expect_failure(compress + "--planes 0", "--planes is 0, it has to be at least 1");
    expect_failure(compress + "--planes -2", "--planes is -2");
    expect_failure(compress + "--planes two", "two");
    expect_failure(compress + "--rank 0", "--rank is 0, it has to be at least 1");
    expect_failure(compress + "--rank -1", "--rank is -1");
    expect_failure(compress + "--rank 161", "rank 161 for blocks of 24 x 20, must be 1 to 160");
    expect_failure(
            compress + "--block 4x5 --rank 33", "rank 33 for blocks of 4 x 5, must be 1 to 32");
    expect_failure(compress + "--threads 0", "--threads is 0");
    expect_failure("decompress x.npy --out y.npy --threads 0", "--threads is 0");
    expect_failure(compress + "--solver sa", "--solver is 'sa', it has to be flips or amfd");
    for (const char* value : {"0", "-1", "nan", "inf"}) {
        expect_failure(
                compress + "--effort " + value,
                "--effort is " + std::string(value) + ", it has to be above 0");
    }
    for (const std::string block :
         {"128*128", "128", "128x", "x128", "0x4", "4x0", "-4x4", "4x-4", "4x4x4", "4x4,", "4 x 4",
          "4X4", "1.5x4", "99999999999999999999x4", "blockxblock"}) {
        expect_failure(
                compress + "--block '" + block + "'",
                "--block is " + block + ", it has to be ROWSxCOLS such as 128x128");
    }
}

TEST_F(MatrixCommand, RejectsABadMatrix) {
    const auto compress = [](const std::string& path) {
        return "compress " + path + " --out x.bqq";
    };
    for (const auto& [name, value] :
         {std::pair{"nan", std::numeric_limits<float>::quiet_NaN()},
          {"inf", std::numeric_limits<float>::infinity()},
          {"-inf", -std::numeric_limits<float>::infinity()}}) {
        Matrix<float> X = X_;
        X.row(13)[19] = value;
        write_npy("bad.npy", X);
        expect_failure(compress("bad.npy"), std::string("bad.npy: row 13, column 19 is ") + name);
    }
    write_npy("no_rows.npy", {0, 5, {}});
    write_npy("no_columns.npy", {5, 0, {}});
    write("empty.npy", "");
    write("complex.npy", bqq::npy_header("<c16", 1, 1) + std::string(16, '\0'));
    write("short.npy", contents("x.npy").substr(0, 1000));
    write("x.txt", "1 2 3\n");
    expect_failure(compress("no_rows.npy"), "no_rows.npy: holds no vectors: shape (0, 5)");
    expect_failure(compress("no_columns.npy"), "no_columns.npy: holds no vectors: shape (5, 0)");
    expect_failure(compress("empty.npy"), "empty.npy: is empty");
    expect_failure(compress("complex.npy"), "complex.npy: dtype <c16 is not supported");
    expect_failure(compress("short.npy"), "short.npy: is truncated");
    expect_failure(compress("x.txt"), "x.txt: the suffix is none of npy,");
    expect_failure(compress("missing.npy"), "missing.npy: No such file or directory");
}

TEST_F(MatrixCommand, RejectsACorruptOrForeignFile) {
    expect_success("compress x.npy --out x.bqq" + quick);
    const std::string good = contents("x.bqq");
    const auto expect_rejected = [&](const std::string& bytes, const std::string& what) {
        SCOPED_TRACE(what);
        write("bad.bqq", bytes);
        expect_failure("decompress bad.bqq --out y.npy", "bad.bqq: ");
        expect_failure("info bad.bqq", "bad.bqq");
        expect_failure("info bad.bqq --json i.json", "bad.bqq");
    };
    for (const size_t size : {0, 3, 4, 20, 64, 200}) {
        expect_rejected(good.substr(0, size), "the first " + std::to_string(size) + " bytes");
    }
    expect_rejected(good.substr(0, good.size() - 1), "the last byte cut off");
    expect_rejected(good + '\0', "a byte more");
    for (size_t i = 0; i < good.size(); i += 20) {
        std::string bytes = good;
        bytes[i] = static_cast<char>(bytes[i] ^ 4);
        expect_rejected(bytes, "a wrong bit in byte " + std::to_string(i));
    }
    expect_rejected(contents("x.npy"), "a .npy file");
    expect_rejected(std::string(300, '\0'), "zeros");

    write("bad.bqq", good.substr(0, 100));
    expect_failure("decompress bad.bqq --out y.npy", "truncated or corrupt");
    expect_failure("info bad.bqq", "truncated or corrupt");
    for (const char* path : {"missing.bqq", "."}) {
        expect_failure("decompress " + std::string(path) + " --out y.npy", path);
        expect_failure("info " + std::string(path), path);
    }
    expect_failure("info missing.bqq", "missing.bqq: No such file or directory");
}

TEST_F(MatrixCommand, OutputsAreCheckedBeforeTheWork) {
    // The input is missing, so a message about the output comes from a check before the reading.
    expect_failure("compress no.npy --out no/x.bqq", "cannot write no/x.bqq");
    expect_failure("compress no.npy --out .", "cannot write .");
    expect_failure("compress no.npy --out x.bqq --json no/x.json", "cannot write no/x.json");
    expect_failure("decompress no.bqq --out no/y.npy", "cannot write no/y.npy");
    for (const char* path : {"y.bqq", "y.fvecs", "y"}) {
        expect_failure(
                "decompress no.bqq --out " + std::string(path),
                std::string(path) + ": the extension is not .npy");
    }
}

TEST_F(MatrixCommand, AFailureLeavesTheOldFileAsItWas) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "LLVM's OpenMP ends where it may write no file";
    expect_success("compress x.npy --out x.bqq" + quick);
    expect_success("decompress x.bqq --out y.npy");
    const std::string matrix = contents("x.bqq");
    const std::string numbers = contents("y.npy");
    // Files may have 1024 or 512 bytes, whichever unit the shell takes; these would have 2,000.
    expect_failure("decompress x.bqq --out y.npy", "cannot write y.npy", "ulimit -f 1;");
    expect_failure(
            "compress x.npy --planes 16 --out x.bqq" + quick, "cannot write x.bqq", "ulimit -f 1;");
    expect_failure("decompress x.npy --out y.npy", "x.npy: ");
    EXPECT_EQ(contents("x.bqq"), matrix);
    EXPECT_EQ(contents("y.npy"), numbers);
}

TEST_F(MatrixCommand, SeesAFullDisk) {
    expect_success("compress x.npy --out x.bqq" + quick);
    expect_failure("compress x.npy --out /dev/full" + quick, "cannot write /dev/full: No space");
    fs::create_symlink("/dev/full", folder_ / "full.npy");
    expect_failure("decompress x.bqq --out full.npy", "cannot write full.npy: No space");
    EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

} // namespace matrix_command_test
