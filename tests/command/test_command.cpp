#include "command_fixture.h"
#include "io/npy_header.h"
#include "io/vector_file.h"
#include "random_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace command_test {

namespace fs = std::filesystem;
using bqq::test::Outcome;
using nlohmann::json;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr size_t base_size = 700;
constexpr size_t dimension = 16;

bqq::Matrix<float> random_vectors(size_t n, size_t d, unsigned seed) {
    return {n, d, bqq::test::normal_numbers(n, d, seed)};
}

/// A folder with base.fvecs and queries.fvecs.
class Command : public bqq::test::CommandFixture {
protected:
    void SetUp() override {
        CommandFixture::SetUp();
        base_ = random_vectors(base_size, dimension, 1);
        write_fvecs("base.fvecs", base_);
        write_fvecs("queries.fvecs", random_vectors(20, dimension, 2));
    }

    void write_fvecs(const std::string& name, const bqq::Matrix<float>& vectors) const {
        std::ofstream file(folder_ / name, std::ios::binary);
        const auto d = static_cast<int32_t>(vectors.d);
        for (size_t i = 0; i < vectors.n; ++i) {
            file.write(reinterpret_cast<const char*>(&d), sizeof(d));
            file.write(
                    reinterpret_cast<const char*>(vectors.row(i)),
                    static_cast<std::streamsize>(vectors.d * sizeof(float)));
        }
    }

    std::vector<int64_t> labels(const std::string& name) const {
        return bqq::read_labels(folder_ / name).values;
    }

    bqq::Matrix<float> base_;
};

const std::string build_sq8 = "build --base base.fvecs --factory SQ8 --metric l2 --out i";
const std::string search_base = "search --index i --queries base.fvecs ";
const std::string eval_base =
        "eval --base base.fvecs --queries queries.fvecs --metric l2 --seconds 0 ";

TEST_F(Command, HelpAndVersionAreNoErrors) {
    EXPECT_THAT(
            run("--version").out,
            MatchesRegex("bqq [0-9]+\\.[0-9]+\\.[0-9]+, FAISS [0-9]+\\.[0-9]+\\.[0-9]+\n"));
    const Outcome help = run("build --help");
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_EQ(help.err, "");
    EXPECT_THAT(help.out, HasSubstr("--factory"));
    const std::string all = run("--help-all").out;
    EXPECT_THAT(all, HasSubstr("--factory"));
    EXPECT_THAT(all, HasSubstr("--planes"));
}

TEST_F(Command, SearchFindsTheVectorsThatWereBuilt) {
    const Outcome built = run(build_sq8);
    ASSERT_EQ(built.exit_code, 0) << built.err;
    EXPECT_THAT(built.out, StartsWith("SQ8: 700 vectors, d = 16, "));
    EXPECT_EQ(built.err, "");
    expect_success(search_base + "--k 3 --out r.ivecs");
    const auto found = labels("r.ivecs");
    ASSERT_EQ(found.size(), base_size * 3);
    size_t themselves = 0;
    for (size_t i = 0; i < base_size; ++i) themselves += found[3 * i] == static_cast<int64_t>(i);
    EXPECT_EQ(themselves, base_size);
}

TEST_F(Command, SearchLooksAtAsManyListsAsAsked) {
    expect_success("build --base base.fvecs --factory IVF16,BQQ64 --metric l2 --out i");
    const auto places_left = [&](const std::string& options) {
        expect_success(search_base + "--k 40 --out r.ivecs" + options);
        const auto found = labels("r.ivecs");
        return static_cast<size_t>(std::count(found.begin(), found.end(), -1));
    };
    EXPECT_GT(places_left(""), 0u) << "some of 16 lists have fewer than 40 of 700 vectors";
    EXPECT_EQ(places_left(" --nprobe 16"), 0u);
    expect_failure(search_base + "--k 1 --nprobe 0 --out r.npy", "--nprobe is 0");
    EXPECT_THAT(run("info i").out, HasSubstr("nlist"));
    expect_success(build_sq8);
    expect_failure(search_base + "--k 1 --nprobe 2 --out r.npy", "no inverted lists");
}

TEST_F(Command, WritesTheSameNeighboursInEveryFormat) {
    expect_success(build_sq8);
    for (const char* out : {"r.ivecs", "r.npy", "r.csv"}) {
        expect_success("search --index i --queries queries.fvecs --k 2 --out " + std::string(out));
    }
    const auto expected = labels("r.ivecs");
    EXPECT_EQ(labels("r.npy"), expected);
    std::istringstream csv(contents("r.csv"));
    std::string line;
    std::getline(csv, line);
    EXPECT_EQ(line, "query,rank,label,distance");
    for (size_t i = 0; i < expected.size(); ++i) {
        ASSERT_TRUE(std::getline(csv, line));
        EXPECT_THAT(
                line, StartsWith(
                              std::to_string(i / 2) + "," + std::to_string(i % 2) + "," +
                              std::to_string(expected[i]) + ","));
    }
    EXPECT_FALSE(std::getline(csv, line));
}

TEST_F(Command, LabelsBeyondTheIndexAreMinusOne) {
    write_fvecs("two.fvecs", random_vectors(2, dimension, 3));
    expect_success("build --base two.fvecs --factory Flat --metric l2 --out i");
    expect_success("search --index i --queries two.fvecs --k 4 --out r.ivecs");
    EXPECT_THAT(labels("r.ivecs"), ElementsAre(0, 1, -1, -1, 1, 0, -1, -1));
}

TEST_F(Command, CosineNormalizesBaseAndQueries) {
    auto scaled = base_;
    for (size_t i = 0; i < scaled.n; ++i) {
        for (size_t j = 0; j < dimension; ++j) scaled.row(i)[j] *= static_cast<float>(i);
    }
    write_fvecs("scaled.fvecs", scaled); // row 0 is zero
    expect_success("build --base scaled.fvecs --factory IDMap2,Flat --metric cosine --out i");
    expect_success(search_base + "--k 1 --metric cosine --out r.csv");
    std::istringstream csv(contents("r.csv"));
    std::string line;
    std::getline(csv, line);
    std::getline(csv, line);
    for (size_t i = 1; i < base_size; ++i) {
        ASSERT_TRUE(std::getline(csv, line));
        EXPECT_THAT(line, StartsWith(std::to_string(i) + ",0," + std::to_string(i) + ","));
        EXPECT_NEAR(std::stod(line.substr(line.rfind(',') + 1)), 1, 1e-5);
    }
}

TEST_F(Command, AnIndexKnowsThatItIsOfCosines) {
    auto scaled = base_;
    for (size_t i = 0; i < scaled.n; ++i)
        for (size_t j = 0; j < dimension; ++j) scaled.row(i)[j] *= static_cast<float>(i);
    write_fvecs("scaled.fvecs", scaled); // row 0 is zero
    for (const char* factory : {"BQQ64", "IVF4,BQQ64", "IDMap2,BQQ64", "Flat"}) {
        SCOPED_TRACE(factory);
        expect_success(
                "build --base scaled.fvecs --metric cosine --out i --factory " +
                std::string(factory));
        EXPECT_EQ(json::parse(run("info --index i --json").out)["metric"], "cosine");
        for (const char* other : {"ip", "l2"})
            expect_failure(
                    search_base + "--k 1 --out r.csv --metric " + other,
                    "--metric is " + std::string(other) + ", but i was built for cosine");
        // Queries of any length, with or without --metric.
        expect_success(search_base + "--k 1 --out r.csv");
        const std::string found = contents("r.csv");
        expect_success("search --index i --queries scaled.fvecs --k 1 --metric cosine --out r.csv");
        std::istringstream a(found), b(contents("r.csv"));
        std::string of_base, of_scaled;
        for (size_t line = 0; line < base_size; ++line) {
            std::getline(a, of_base);
            std::getline(b, of_scaled);
            if (line == 1) { // a query of zeros: no direction is nearer
                EXPECT_EQ(of_scaled.substr(of_scaled.rfind(',')), ",0");
            } else {
                EXPECT_EQ(
                        of_base.substr(0, of_base.rfind(',')),
                        of_scaled.substr(0, of_scaled.rfind(',')));
            }
            if (line == 0) continue;
            const double score = std::stod(of_base.substr(of_base.rfind(',') + 1));
            EXPECT_GT(score, 0.5);
            EXPECT_LT(score, 1.5);
        }
    }
    expect_success("build --base base.fvecs --metric ip --out i --factory BQQ64");
    expect_failure(
            search_base + "--k 1 --out r.csv --metric cosine",
            "--metric is cosine, but i was built for ip");
}

TEST_F(Command, InfoTellsTheCodingErrorOfOtherVectors) {
    auto moved = random_vectors(300, dimension, 5);
    write_fvecs("same.fvecs", moved);
    for (size_t i = 0; i < moved.n; ++i) moved.row(i)[2] += 20;
    write_fvecs("moved.fvecs", moved);
    for (const char* factory : {"BQQ48", "BQQ48g2", "IVF4,BQQ48", "PCA12,BQQ48", "BQQ48,RFlat"}) {
        SCOPED_TRACE(factory);
        expect_success(
                "build --base base.fvecs --metric l2 --out i --factory " + std::string(factory));
        const auto ratio = [&](const std::string& file) {
            const json info =
                    json::parse(run("info --index i --against " + file + " --json -").out);
            EXPECT_EQ(info["drift"]["against"], file);
            EXPECT_GT(info["drift"]["training_coding_error"], 0);
            return info["drift"]["ratio"].get<double>();
        };
        EXPECT_NEAR(ratio("base.fvecs"), 1, 0.1);
        EXPECT_GT(ratio("same.fvecs"), 0.9);
        EXPECT_LT(ratio("same.fvecs"), 1.8); // 700 vectors are few to train on
        EXPECT_GT(ratio("moved.fvecs"), 3);
    }
    expect_failure("info --index i --against missing.npy", "missing.npy: No such file");
    expect_success(build_sq8);
    expect_failure("info --index i --against base.fvecs", "but i has no BQQ codes");
}

TEST_F(Command, ReadsFloat64AndSaysSo) {
    const std::vector<double> wide(base_.values.begin(), base_.values.end());
    std::ofstream file(folder_ / "base.npy", std::ios::binary);
    file << bqq::npy_header("<f8", base_size, dimension);
    file.write(
            reinterpret_cast<const char*>(wide.data()),
            static_cast<std::streamsize>(8 * wide.size()));
    file.close();
    const Outcome outcome = run("build --base base.npy --factory BQQ32 --metric l2 --out a");
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("bqq: base.npy: float64 is read as rows of float32\n"));
    expect_success("build --base base.fvecs --factory BQQ32 --metric l2 --out b");
    EXPECT_EQ(contents("a"), contents("b"));
}

TEST_F(Command, TheSummaryLeavesAnIndexOnStandardOutputClean) {
    const Outcome outcome =
            run("build --base base.fvecs --factory BQQ32 --metric l2 --out /dev/stdout");
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("BQQ32: 700 vectors"));
    expect_success("build --base base.fvecs --factory BQQ32 --metric l2 --out i");
    EXPECT_EQ(outcome.out, contents("i"));
}

TEST_F(Command, NamesMayHaveAnyLengthThatAFolderTakes) {
    const std::string name(255, 'n');
    expect_success("build --base base.fvecs --factory SQ8 --metric l2 --out " + name);
    EXPECT_TRUE(fs::exists(folder_ / name));
}

TEST_F(Command, BuildsFromAFileLargerThanMemory) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "limits of memory cannot be set";
    // 1.2 GB as floats.
    constexpr size_t n = 300'000, d = 1024;
    std::ofstream(folder_ / "large.npy", std::ios::binary) << bqq::npy_header("|u1", n, d);
    const auto header = fs::file_size(folder_ / "large.npy");
    fs::resize_file(folder_ / "large.npy", header + n * d); // zeros without blocks on the disk
    const Outcome outcome = run(
            "build --base large.npy --factory PQ2x4 --metric l2 --train 1000 --threads 1 --out i",
            "ulimit -v 600000;");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(json::parse(run("info --index i --json").out)["ntotal"], n);
}

TEST_F(Command, InfoVerifies) {
    expect_success("build --base base.fvecs --factory IVF4,BQQ32 --metric l2 --out i");
    EXPECT_THAT(run("info i --verify").out, MatchesRegex("(.|\n)*verified +true\n"));
    std::string bytes = contents("i");
    bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);
    std::ofstream(folder_ / "damaged", std::ios::binary) << bytes;
    expect_failure("info damaged --verify", "checksum");
    EXPECT_EQ(run("info damaged --verify").exit_code, 1);
}

TEST_F(Command, InfoDescribesBqqInsideAWrapper) {
    expect_success("build --base base.fvecs --factory BQQ32 --metric ip --out i");
    expect_success("info --index i --json i.json");
    const json info = json::parse(contents("i.json"));
    EXPECT_EQ(info["index"], "IndexBQQ");
    EXPECT_EQ(info["d"], dimension);
    EXPECT_EQ(info["ntotal"], base_size);
    EXPECT_EQ(info["metric"], "ip");
    EXPECT_EQ(info["is_trained"], true);
    EXPECT_EQ(info["file_bytes"], fs::file_size(folder_ / "i"));
    EXPECT_EQ(info["bqq"]["bits"], 32);
    EXPECT_GE(info["bqq"]["code_size"], 4);
    json again = json::parse(run("info --index i --json").out);
    // Malloc's count depends a little on threads.
    EXPECT_NEAR(again["resident_bytes"].get<double>(), info["resident_bytes"].get<double>(), 2000);
    for (const char* key : {"resident_bytes", "resident_bytes_per_vector"}) again[key] = info[key];
    EXPECT_EQ(again, info);
    EXPECT_THAT(run("info --index i").out, ContainsRegex("bits +32\n"));

    expect_success("build --base base.fvecs --factory IVF16,BQQ32g2 --metric l2 --out j");
    const json ivf = json::parse(run("info --index j --json -").out);
    EXPECT_EQ(ivf["nlist"], 16);
    EXPECT_EQ(ivf["bqq"]["bases"], 2);
    EXPECT_EQ(ivf["bqq"]["code_size"], 32 / 8 + 3);

    expect_success("build --base base.fvecs --factory IDMap2,PCA8,SQ8 --metric l2 --out j");
    EXPECT_EQ(
            json::parse(run("info --index j --json -").out)["index"],
            "IndexIDMap2 > IndexPreTransform > IndexScalarQuantizer");
}

TEST_F(Command, SeedsAreThoseOfFaiss) {
    const std::string build = "build --base base.fvecs --metric l2 --factory SQ8 --out i --seed ";
    expect_failure(build + "-1", "--seed is -1, it has to be 0 to 2147483647");
    expect_failure(build + "2147483648", "--seed is 2147483648");
    EXPECT_EQ(run(build + "-1").exit_code, 2);
    expect_success(build + "2147483647");
}

TEST_F(Command, ErrorsOfFaissSayWhatTheyAreAbout) {
    const auto fails = [&](const std::string& arguments, const std::string& message) {
        const Outcome outcome = run(arguments);
        EXPECT_NE(outcome.exit_code, 0);
        EXPECT_EQ(outcome.err.find("bqq: " + message), 0U) << arguments << ": " << outcome.err;
        for (const char* inside : {".cpp", "N5faiss", "N3bqq", "Success", "Error in"})
            EXPECT_EQ(outcome.err.find(inside), std::string::npos) << outcome.err;
        return outcome.exit_code;
    };
    const std::string build = "build --base base.fvecs --metric l2 --out i --factory ";
    EXPECT_EQ(fails(build + "PQ7", "--factory PQ7 for d = 16: "), 2);
    EXPECT_EQ(fails(build + "PQ0", "--factory PQ0 for d = 16: BQQ: a number"), 2);
    EXPECT_EQ(fails(build + "Nonsense", "--factory Nonsense for d = 16: could not parse"), 2);
    EXPECT_EQ(fails(build + "PCA17,Flat", "PCA17,Flat: PCA matrix cannot"), 1);
    expect_success(build + "HNSW8,Flat");
    fails(search_base + "--radius 1",
          "i, IndexHNSWFlat > IndexFlatL2: range search not implemented");
    fails("remove --index i --ids ids.npy", "ids.npy: No such file");
    write("truncated", contents("i").substr(0, 100));
    write("other", "something else");
    fails("info --index truncated", "cannot read truncated: the file is truncated");
    fails("info --index other", "cannot read other: it is no index file of BQQ or FAISS");
}

TEST_F(Command, TheSeedAloneChoosesTheSampleAndTheTraining) {
    // SQ8 depends on the sample only, IVF4 on its own seed as well.
    for (const char* how : {"SQ8 --train 100", "IVF4,Flat"}) {
        const auto build = [&](const std::string& rest) {
            expect_success(
                    "build --base base.fvecs --metric l2 --factory " + std::string(how) + rest);
        };
        build(" --seed 7 --out a");
        build(" --seed 7 --threads 1 --out b");
        build(" --seed 8 --out c");
        EXPECT_EQ(contents("a"), contents("b")) << how;
        EXPECT_NE(contents("a"), contents("c")) << how;
    }
}

TEST_F(Command, EvalMeasuresEachIndex) {
    const Outcome outcome =
            run(eval_base + "--factory Flat --factory BQQ32 --k 5 --json e.json --csv e.csv");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
    EXPECT_THAT(outcome.out, HasSubstr("5-recall@5"));

    const json rows = json::parse(contents("e.json"));
    ASSERT_EQ(rows.size(), 2U);
    std::vector<std::string> keys;
    for (const auto& [key, value] : rows[1].items()) keys.push_back(key);
    EXPECT_THAT(
            keys, ElementsAre(
                          "add_seconds", "bytes_per_vector", "index", "k", "qps_1_thread",
                          "qps_all_threads", "recall_1_at_1", "recall_k_at_k",
                          "resident_bytes_per_vector", "search", "shared_bytes_per_vector",
                          "train_seconds", "vectors"));
    EXPECT_EQ(rows[0]["index"], "Flat");
    EXPECT_EQ(rows[0]["k"], 5);
    EXPECT_EQ(rows[0]["vectors"], base_size);
    EXPECT_EQ(rows[0]["recall_1_at_1"], 1.0);
    EXPECT_EQ(rows[0]["recall_k_at_k"], 1.0);
    EXPECT_GT(rows[0]["bytes_per_vector"], 4.0 * dimension);
    EXPECT_LT(rows[0]["bytes_per_vector"], 4.0 * dimension + 1);
    EXPECT_NEAR(
            rows[0]["bytes_per_vector"].get<double>() -
                    rows[0]["shared_bytes_per_vector"].get<double>(),
            4.0 * dimension, 1e-6);
    EXPECT_GT(rows[0]["qps_1_thread"], 0);
    EXPECT_GT(rows[0]["qps_all_threads"], 0);
    EXPECT_EQ(rows[1]["index"], "BQQ32");
    EXPECT_GT(rows[1]["recall_k_at_k"], 0.1);
    EXPECT_GT(rows[1]["shared_bytes_per_vector"], 32.0 * dimension / base_size); // the atoms
    EXPECT_LT(rows[1]["shared_bytes_per_vector"], rows[1]["bytes_per_vector"]);

    const std::string csv = contents("e.csv");
    EXPECT_THAT(
            csv,
            StartsWith(
                    "index,search,vectors,bytes_per_vector,shared_bytes_per_vector,resident_bytes_"
                    "per_vector,recall_1_at_1,recall_k_at_k,k,train_seconds,"
                    "add_seconds,qps_1_thread,qps_all_threads\n\"Flat\",\"\",700,"));
    EXPECT_THAT(csv, HasSubstr("\n\"BQQ32\",\"\",700,"));
}

TEST_F(Command, BaseCountTakesTheFirstVectors) {
    expect_success(build_sq8 + " --base-count 300");
    EXPECT_EQ(json::parse(run("info i --json").out)["ntotal"], 300);
    expect_success(search_base + "--k 1 --out r.ivecs");
    const auto found = labels("r.ivecs");
    EXPECT_EQ(found[299], 299);
    EXPECT_LT(found[300], 300);
    // True neighbours are those among the first vectors: exact search finds them all.
    const Outcome outcome = run(eval_base + "--base-count 300 --factory Flat --k 5 --json -");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const json rows = json::parse(outcome.out);
    EXPECT_EQ(rows[0]["vectors"], 300);
    EXPECT_EQ(rows[0]["recall_k_at_k"], 1.0);
    EXPECT_NEAR(rows[0]["bytes_per_vector"].get<double>(), 4.0 * dimension, 1);
    // More than there are is all of them.
    expect_success(build_sq8 + " --base-count 701");
    EXPECT_EQ(json::parse(run("info i --json").out)["ntotal"], base_size);
    expect_failure(build_sq8 + " --base-count 0", "--base-count is 0");
    expect_failure(eval_base + "--base-count -3 --factory Flat --k 5", "--base-count is -3");
    expect_failure(
            eval_base + "--base-count 4 --factory Flat --k 5",
            "--k is 5, but base.fvecs has 4 vectors");
}

TEST_F(Command, EvalCountsHitsAgainstTheGroundTruth) {
    expect_success("build --base base.fvecs --factory Flat --metric l2 --out i");
    expect_success("search --index i --queries queries.fvecs --k 4 --out true.ivecs");
    auto truth = bqq::read_labels(folder_ / "true.ivecs");
    std::ofstream file(folder_ / "swapped.ivecs", std::ios::binary);
    for (size_t i = 0; i < truth.n; ++i) {
        // The first two are swapped; the third is one that is not among the first three.
        const int64_t* row = truth.row(i);
        for (const int64_t label : {int64_t{4}, row[1], row[0], row[3], row[2]}) {
            const auto narrow = static_cast<int32_t>(label);
            file.write(reinterpret_cast<const char*>(&narrow), sizeof(narrow));
        }
    }
    file.close();
    const Outcome outcome =
            run(eval_base + "--factory Flat --groundtruth swapped.ivecs --k 3 --json -");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const json rows = json::parse(outcome.out);
    EXPECT_EQ(rows[0]["recall_1_at_1"], 0.0);
    EXPECT_NEAR(rows[0]["recall_k_at_k"].get<double>(), 2.0 / 3, 1e-9);
    expect_failure(
            eval_base + "--factory Flat --groundtruth true.ivecs --k 5",
            "true.ivecs has 4 neighbours a query, fewer than k = 5");
    expect_failure(
            "eval --base queries.fvecs --queries queries.fvecs --metric l2 --factory Flat --k 3 "
            "--groundtruth true.ivecs",
            "but the base has 20 vectors");
}

TEST_F(Command, ExactSearchOfManyFindsTheNearest) {
    write_fvecs("large.fvecs", random_vectors(40'000, 2, 4));
    write_fvecs("few.fvecs", random_vectors(10, 2, 5));
    for (const char* metric : {"l2", "ip"}) {
        const Outcome outcome =
                run("eval --base large.fvecs --queries few.fvecs --factory Flat --k 20 --seconds 0 "
                    "--json - --metric " +
                    std::string(metric));
        ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(json::parse(outcome.out)[0]["recall_k_at_k"], 1.0) << metric;
    }
}

TEST_F(Command, EvalGoesOnAfterAnIndexThatFails) {
    // 700 vectors are too few to train so many lists.
    const Outcome outcome =
            run(eval_base + "--factory IVF800,BQQ16 --factory SQ8 --k 5 --json e.json");
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("bqq: IVF800,BQQ16: "));
    const json rows = json::parse(contents("e.json"));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0]["index"], "SQ8");
}

TEST_F(Command, EvalChecksEachFactoryBeforeTheFirstIsTrained) {
    expect_failure(
            eval_base + "--factory SQ8 --factory PQ3x4 --k 5", "--factory PQ3x4 for d = 16: ");
    expect_failure(
            eval_base + "--factory SQ8 --factory Nonsense --k 5",
            "--factory Nonsense for d = 16: ");
}

TEST_F(Command, EvalSweepsTheParametersThatAnIndexHas) {
    const Outcome outcome =
            run(eval_base +
                "--factory IVF8,BQQ16,RFlat --factory BQQ16 --factory HNSW8,BQQ16 "
                "--nprobe 1,8 --k-factor 1,3 --ef 20 --k 5 --json e.json");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const json rows = json::parse(contents("e.json"));
    std::vector<std::string> found;
    for (const json& row : rows)
        found.push_back(row["index"].get<std::string>() + " " + row["search"].get<std::string>());
    EXPECT_THAT(
            found,
            ElementsAre(
                    "IVF8,BQQ16,RFlat nprobe=1,k_factor=1", "IVF8,BQQ16,RFlat nprobe=1,k_factor=3",
                    "IVF8,BQQ16,RFlat nprobe=8,k_factor=1", "IVF8,BQQ16,RFlat nprobe=8,k_factor=3",
                    "BQQ16 ", "HNSW8,BQQ16 ef=20"));
    EXPECT_GT(rows[3]["recall_k_at_k"], rows[0]["recall_k_at_k"]);
    EXPECT_GT(rows[3]["recall_k_at_k"], rows[2]["recall_k_at_k"]);
    EXPECT_THAT(outcome.out, HasSubstr("\nHNSW8,BQQ16 ef=20 "));
    for (const char* option : {"--nprobe", "--k-factor", "--ef"}) {
        const std::string name(option);
        expect_failure(
                eval_base + "--factory BQQ16 --k 5 " + name + " 1,0",
                name + " is 0, it has to be at least 1");
        expect_failure(
                eval_base + "--factory BQQ16 --k 5 " + name + " 99999999999",
                name + " is 99999999999, it can be at most 1073741824");
    }
}

TEST_F(Command, EvalCountsTiesAsFound) {
    // Each vector twice: of two at the same distance, one is as right as the other.
    bqq::Matrix<float> twice = random_vectors(300, dimension, 1);
    const std::vector<float> once = twice.values;
    twice.n = 600;
    twice.values.insert(twice.values.end(), once.begin(), once.end());
    write_fvecs("twice.fvecs", twice);
    expect_success("build --base twice.fvecs --factory Flat --metric l2 --out i");
    expect_success("search --index i --queries twice.fvecs --k 3 --out true.ivecs");
    const auto truth = bqq::read_labels(folder_ / "true.ivecs");
    std::ofstream file(folder_ / "other.ivecs", std::ios::binary);
    for (size_t i = 0; i < truth.n; ++i) {
        std::vector<int32_t> row{3};
        for (size_t j = 0; j < 3; ++j)
            row.push_back(static_cast<int32_t>((truth.row(i)[j] + 300) % 600)); // the other copy
        file.write(reinterpret_cast<const char*>(row.data()), 4 * sizeof(int32_t));
    }
    file.close();
    const Outcome outcome = run(
            "eval --base twice.fvecs --queries twice.fvecs --metric l2 --seconds 0 --factory Flat "
            "--groundtruth other.ivecs --k 3 --json -");
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const json rows = json::parse(outcome.out);
    EXPECT_EQ(rows[0]["recall_1_at_1"], 1.0);
    EXPECT_EQ(rows[0]["recall_k_at_k"], 1.0);
}

TEST_F(Command, RejectsABadCommandLine) {
    expect_failure(
            "",
            "one of: build add remove merge search eval tune diagnose info compress decompress");
    expect_failure("destroy", "destroy");
    expect_failure("build --base base.fvecs", "--out is required");
    expect_failure(build_sq8 + " --fast", "--fast");
    expect_failure(build_sq8 + " --threads 0", "--threads is 0");
    expect_failure(build_sq8 + " --train 0", "--train is 0");
    expect_failure(build_sq8 + " --train 701", "--train is 701, but base.fvecs has 700 vectors");
    expect_failure("build --base base.fvecs --factory SQ8 --metric l3 --out i", "--metric is 'l3'");
    expect_failure("build --base base.fvecs --factory SQX --metric l2 --out i", "SQX");
    expect_failure("build --base base.fvecs --factory BQQ0 --metric l2 --out i", "BQQ");
    expect_failure(eval_base + "--factory SQ8 --k 0", "--k is 0");
    expect_failure(eval_base + "--factory SQ8 --k 701", "--k is 701, but base.fvecs has 700");
}

TEST_F(Command, RejectsABadSearch) {
    expect_success(build_sq8);
    write_fvecs("narrow.fvecs", random_vectors(2, 5, 3));
    expect_failure(search_base + "--k 0 --out r.npy", "--k is 0");
    expect_failure(search_base + "--k -3 --out r.npy", "--k is -3");
    expect_failure(search_base + "--k many --out r.npy", "many");
    expect_failure(
            search_base + "--k 1000001 --out r.npy", "--k is 1000001, it can be at most 1000000");
    expect_failure(search_base + "--k 1 --out r.txt", "r.txt: the extension is none of");
    expect_failure(search_base + "--k 1 --out no/r.npy", "cannot write no/r.npy");
    expect_failure(
            "search --index i --queries narrow.fvecs --k 1 --out r.npy",
            "narrow.fvecs has d = 5, but i has d = 16");
    expect_failure(search_base + "--k 1 --metric ip --out r.npy", "i was built for l2");
    expect_failure("search --index no --queries base.fvecs --k 1 --out r.npy", "no");
    expect_failure("search --index base.fvecs --queries base.fvecs --k 1 --out r.npy", "");
    expect_failure("info --index base.fvecs", "");
}

TEST_F(Command, RejectsBadVectors) {
    auto vectors = base_;
    vectors.row(3)[7] = std::numeric_limits<float>::quiet_NaN();
    write_fvecs("nan.fvecs", vectors);
    vectors.row(3)[7] = -std::numeric_limits<float>::infinity();
    write_fvecs("inf.fvecs", vectors);
    write_fvecs("narrow.fvecs", random_vectors(2, 5, 3));
    std::ofstream(folder_ / "empty.npy").close();
    const auto build = [](const std::string& base) {
        return "build --base " + base + " --factory SQ8 --metric l2 --out i";
    };
    expect_failure(build("nan.fvecs"), "nan.fvecs: row 3, column 7 is nan");
    expect_failure(build("inf.fvecs"), "inf.fvecs: row 3, column 7 is -inf");
    expect_failure(build("empty.npy"), "empty.npy: is empty");
    expect_failure(build("missing.npy"), "missing.npy: No such file or directory");
    expect_failure(build("."), "is not a regular file");
    expect_failure(
            "eval --base base.fvecs --queries narrow.fvecs --metric l2 --factory SQ8 --k 1",
            "narrow.fvecs has d = 5, but base.fvecs has d = 16");
}

TEST_F(Command, AFailureLeavesTheOldFileAsItWas) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "LLVM's OpenMP ends where it may write no file";
    expect_success(build_sq8);
    expect_success(search_base + "--k 1 --out r.csv");
    const std::string index = contents("i");
    const std::string result = contents("r.csv");
    expect_failure("build --base i --factory SQ8 --metric l2 --out j", "suffix");
    expect_failure(
            "build --base base.fvecs --factory SQ8 --metric l2 --out base.fvecs",
            "cannot write base.fvecs: it is the input base.fvecs");
    expect_failure(
            "build --base base.fvecs --factory SQ8 --metric l2 --out ../$(basename "
            "\"$PWD\")/base.fvecs",
            "it is the input base.fvecs");
    expect_failure(search_base + "--k 1 --out i", "extension");
    // Files may have 1024 or 512 bytes, whichever unit the shell takes; an index needs 11,000.
    expect_failure(build_sq8, "i: ", "ulimit -f 1;");
    expect_failure(search_base + "--k 9 --out r.csv", "cannot write r.csv", "ulimit -f 1;");
    EXPECT_EQ(contents("i"), index);
    EXPECT_EQ(contents("r.csv"), result);
}

TEST_F(Command, ExitCodesTellArgumentsDataAndSystemApart) {
    EXPECT_EQ(run("").exit_code, 2);
    EXPECT_EQ(run("build --nonsense").exit_code, 2);
    EXPECT_EQ(run("build --base base.fvecs --factory SQ8 --metric l3 --out i").exit_code, 2);
    EXPECT_EQ(run(build_sq8 + " --threads 0").exit_code, 2);
    EXPECT_EQ(run("build --base missing.fvecs --factory SQ8 --metric l2 --out i").exit_code, 1);
    EXPECT_EQ(run("info base.fvecs").exit_code, 1);
    EXPECT_EQ(
            run("build --base base.fvecs --factory SQ8 --metric l2 --out missing/i").exit_code, 3);
    for (const char* factory : {"SQ8", "BQQ32"})
        EXPECT_EQ(
                run("build --base base.fvecs --metric l2 --out /dev/full --factory " +
                    std::string(factory))
                        .exit_code,
                3);
    EXPECT_THAT(run("--help").out, HasSubstr("Exit codes: 0 done, 1 "));
}

TEST_F(Command, EndsWhateverLittleMemoryThereIs) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "limits of memory cannot be set";
    for (const int kilobytes : {100'000, 150'000, 200'000, 300'000, 600'000}) {
        const std::string limit = "ulimit -v " + std::to_string(kilobytes) + "; timeout 60";
        for (const std::string& arguments :
             {std::string("--version"),
              std::string(
                      "build --base base.fvecs --factory BQQ32 --metric l2 --out i --threads 2")}) {
            const Outcome outcome = run(arguments, limit);
            EXPECT_THAT(outcome.exit_code, testing::AnyOf(0, 1, 3)) << kilobytes << arguments;
            EXPECT_EQ(outcome.err.empty(), outcome.exit_code == 0) << outcome.err;
        }
    }
    EXPECT_EQ(
            run("--version", "ulimit -v 200000;").err,
            "bqq: memory is limited to 195 MiB (ulimit -v), at least 256 are needed\n");
}

TEST_F(Command, ThreadsAreThoseOfTheEnvironmentUnlessGiven) {
    const std::string set = "export BQQ_THREADS=0;";
    expect_failure(build_sq8, "--threads is 0", set);
    EXPECT_EQ(run(build_sq8 + " --threads 1", set).exit_code, 0);
    EXPECT_EQ(run(build_sq8, "export BQQ_THREADS=1;").exit_code, 0);
}

/// The words that the shell offers are those that the help lists.
TEST_F(Command, TheShellCompletesSubcommandsAndOptions) {
    const std::string bash = std::string("bash -c 'bqq() { \"") + BQQ_COMMAND +
                             "\" \"$@\"; }; source \"" + BQQ_SOURCE_DIR +
                             "/packaging/completion/bqq.bash\"; COMP_WORDS=(bqq \"$@\"); "
                             "COMP_CWORD=$#; _bqq; echo \"${COMPREPLY[*]}\"' bash ";
    const auto completed = [&](const std::string& words) {
        EXPECT_EQ(run("--version", bash + words + " >words &&").exit_code, 0);
        return contents("words");
    };
    EXPECT_EQ(completed("d"), "diagnose decompress\n");
    EXPECT_EQ(completed("eval --fac"), "--factory\n");
    EXPECT_EQ(completed("build --metric c"), "cosine\n");
    EXPECT_EQ(completed("build --base b"), "\n");
}

TEST_F(Command, ThreadsAreBounded) {
    expect_failure(build_sq8 + " --threads 100000", "--threads is 100000, it can be at most ");
    expect_failure(build_sq8 + " --threads -1", "--threads is -1, it has to be at least 1");
}

TEST_F(Command, SeesAFullDisk) {
    expect_failure("build --base base.fvecs --factory SQ8 --metric l2 --out /dev/full", "No space");
    expect_failure(
            "build --base base.fvecs --factory BQQ32 --metric l2 --out /dev/full", "No space");
    EXPECT_TRUE(fs::is_character_file("/dev/full"));
    fs::create_symlink("/dev/full", folder_ / "full.csv");
    expect_success(build_sq8);
    expect_failure(search_base + "--k 1 --out full.csv", "cannot write full.csv: No space");
}

} // namespace command_test
