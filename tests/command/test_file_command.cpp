#include "command_fixture.h"
#include "io/npy_header.h"
#include "io/vector_file.h"
#include "random_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace file_command_test {

namespace fs = std::filesystem;
using bqq::test::Outcome;
using nlohmann::json;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr size_t kBaseSize = 700;
constexpr size_t kD = 16;

template <class T>
std::string npy(const char* descr, size_t n, size_t d, const std::vector<T>& values) {
    return bqq::npy_header(descr, n, d) +
           std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

/// A folder with base.npy, its parts first.npy (400 vectors) and second.npy, queries.npy and
/// ids.npy: 1000, 1003, ...
class FileCommand : public bqq::test::CommandFixture {
protected:
    void SetUp() override {
        CommandFixture::SetUp();
        const auto rows = [&](size_t begin, size_t end) {
            return npy<float>(
                    "<f4", end - begin, kD,
                    {base_.begin() + static_cast<std::ptrdiff_t>(begin * kD),
                     base_.begin() + static_cast<std::ptrdiff_t>(end * kD)});
        };
        write("base.npy", rows(0, kBaseSize));
        write("first.npy", rows(0, 400));
        write("second.npy", rows(400, kBaseSize));
        write("queries.npy", npy("<f4", 20, kD, bqq::test::normal_numbers(20, kD, 2)));
        for (size_t i = 0; i < kBaseSize; ++i) ids_.push_back(id_of(i));
        write_ids("ids.npy", ids_);
    }

    static int64_t id_of(size_t row) { return 1000 + 3 * static_cast<int64_t>(row); }

    void write_ids(const std::string& name, const std::vector<int64_t>& ids) const {
        write(name, npy("<i8", ids.size(), 1, ids));
    }

    void build(const std::string& factory, const std::string& rest = "") const {
        expect_success(build_of(factory) + rest);
    }

    static std::string build_of(const std::string& factory) {
        return "build --base base.npy --metric l2 --out i --factory " + factory;
    }

    std::vector<int64_t> search(const std::string& index, const std::string& rest) const {
        expect_success("search --index " + index + " --out r.npy " + rest);
        return bqq::read_labels(path("r.npy")).values;
    }

    std::vector<int64_t> nearest_to_base(const std::string& index, const std::string& rest) const {
        return search(index, "--queries base.npy --k 1 " + rest);
    }

    size_t vectors_of(const std::string& index) const {
        return json::parse(run("info --json - " + index).out)["ntotal"];
    }

    const std::vector<float> base_ = bqq::test::normal_numbers(kBaseSize, kD, 1);
    std::vector<int64_t> ids_;
};

const std::string build_flat = "build --factory Flat --metric l2 --out j --base ";

TEST_F(FileCommand, EveryFormatGivesTheSameIndex) {
    build("Flat");
    const uint32_t sides[] = {kBaseSize, kD};
    const std::string numbers(
            reinterpret_cast<const char*>(base_.data()), base_.size() * sizeof(float));
    const std::string fbin(reinterpret_cast<const char*>(sides), sizeof sides);
    write("base.FBIN", fbin + numbers);
    write("base.raw", numbers);
    write("base", numbers);
    write("double.npy",
          npy<double>("<f8", kBaseSize, kD, std::vector<double>(base_.begin(), base_.end())));
    const auto expect = [&](const Outcome& outcome, const std::string& message) {
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(outcome.err, message);
        EXPECT_TRUE(contents("j") == contents("i"));
        fs::remove(path("j"));
    };
    expect(run(build_flat + "base.FBIN"), "");
    expect(run(build_flat + "base.raw --dim 16"), "");
    expect(run(build_flat + "base --dim 16 --format raw --dtype float32"), "");
    expect(run(build_flat + "double.npy"), "bqq: double.npy: float64 is read as rows of float32\n");
    expect(run(build_flat + "-", "", "<base.npy"), "");
    expect(run(build_flat + "-", "cat base.npy |", ""), "");
    expect(run(build_flat + "- --format fbin", "cat base.FBIN |", ""), "");
    expect_failure(build_flat + "-", "standard input: is empty");
    expect_failure(build_flat + "base --dim 16", "--format has to name one of them");
}

TEST_F(FileCommand, NumbersBeyondFloatsAreRefused) {
    std::vector<double> large(kBaseSize * kD);
    large[kD + 2] = 1e300;
    write("large.npy", npy<double>("<f8", kBaseSize, kD, large));
    const Outcome outcome = run(build_flat + "large.npy");
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("large.npy: row 1, column 2 is inf as float32\n"));
}

TEST_F(FileCommand, OutputOverAnInputIsRefused) {
    fs::create_symlink("base.npy", path("link"));
    fs::create_hard_link(path("base.npy"), path("other"));
    for (const char* out : {"base.npy", "link", "other", "./base.npy"})
        expect_failure(
                "build --base base.npy --factory Flat --metric l2 --out " + std::string(out),
                "it is the input base.npy");
    expect_failure(
            "build --base base.npy --ids ids.npy --factory Flat --metric l2 --out ids.npy",
            "cannot write ids.npy: it is the input ids.npy");
    build("Flat");
    const std::string search = "search --index i --queries queries.npy --k 1 ";
    expect_failure(search + "--out queries.npy", "cannot write queries.npy: it is the input");
    expect_failure(search + "--out i --out-format npy", "cannot write i: it is the input i");
    expect_failure(search + "--out r.npy --distances queries.npy", "it is the input queries.npy");
    expect_failure("remove --index i --ids ids.npy --out ids.npy", "it is the input ids.npy");
    EXPECT_EQ(bqq::read_vectors(path("base.npy")).values, base_);
}

TEST_F(FileCommand, AnIndexOnStandardOutputStandsThereAlone) {
    build("Flat");
    for (const char* out : {"-", "/dev/stdout"}) {
        const Outcome outcome =
                run("build --base base.npy --factory Flat --metric l2 --out " + std::string(out));
        EXPECT_EQ(outcome.exit_code, 0);
        EXPECT_TRUE(outcome.out == contents("i"));
        EXPECT_THAT(outcome.err, StartsWith("Flat: 700 vectors, d = 16, "));
    }
}

TEST_F(FileCommand, NamesOfTheLargestLengthAreWritten) {
    const std::string name(255, 'x');
    const std::string command = "build --base base.npy --factory Flat --metric l2 --out ";
    expect_success(command + name);
    EXPECT_EQ(vectors_of(name), kBaseSize);
    expect_failure(command + name + 'x', "File name too long");
}

TEST_F(FileCommand, IdsAreReturnedBySearches) {
    for (const char* factory :
         {"Flat", "BQQ256", "IDMap,BQQ256", "IVF4,Flat", "IVF4,BQQ256", "IVF4,Flat,RFlat",
          "PCA16,IVF4,Flat", "HNSW8,Flat"}) {
        build(factory, " --ids ids.npy");
        const auto found = nearest_to_base("i", "");
        size_t right = 0;
        for (size_t i = 0; i < kBaseSize; ++i) right += found[i] == id_of(i) ? 1 : 0;
        EXPECT_GE(right, kBaseSize * 9 / 10) << factory;
    }
}

TEST_F(FileCommand, IdsOfACsvColumn) {
    std::string text = "id";
    for (size_t j = 0; j < kD; ++j) text += ",x" + std::to_string(j);
    for (size_t i = 0; i < kBaseSize; ++i) {
        text += '\n' + std::to_string(id_of(i));
        for (size_t j = 0; j < kD; ++j) text += ',' + std::to_string(base_[i * kD + j]);
    }
    write("base.csv", text + '\n');
    expect_success(build_flat + "base.csv");
    EXPECT_EQ(nearest_to_base("j", ""), ids_);
    EXPECT_EQ(search("j", "--queries base.csv --k 1"), ids_) << "queries have their ids left out";
    expect_success(build_flat + "base.npy --ids base.csv:id");
    EXPECT_EQ(nearest_to_base("j", ""), ids_);
}

TEST_F(FileCommand, ACosineIndexKeepsIds) {
    expect_success("build --base base.npy --ids ids.npy --factory BQQ32 --metric cosine --out i");
    EXPECT_THAT(run("info --index i").out, HasSubstr("cosine"));
    EXPECT_THAT(search("i", "--queries queries.npy --k 3 --metric cosine"), Each(Ge(1000)));
    expect_success("remove --index i --ids ids.npy");
    EXPECT_EQ(vectors_of("i"), 0U);
}

TEST_F(FileCommand, BaseCountTakesTheFirstIds) {
    build("Flat", " --ids ids.npy --base-count 3");
    EXPECT_THAT(
            search("i", "--queries second.npy --k 3"),
            Each(testing::AnyOf(id_of(0), id_of(1), id_of(2))));
}

TEST_F(FileCommand, RejectsBadIds) {
    const auto expect = [&](std::vector<int64_t> ids, const std::string& reason) {
        write_ids("bad.npy", ids);
        expect_failure(build_of("Flat") + " --ids bad.npy", reason);
    };
    std::vector<int64_t> ids = ids_;
    ids[5] = ids[3];
    expect(ids, "bad.npy: the id 1009 is there twice");
    ids[5] = -4;
    expect(ids, "bad.npy: the id of row 5 is -4, it has to be 0 to");
    ids[5] = INT64_MAX;
    expect(ids, "bad.npy: the id of row 5 is 9223372036854775807");
    ids.resize(699);
    ids[5] = 0;
    expect(ids, "bad.npy has 699 ids, but base.npy has 700 vectors");
    expect_failure(
            build_of("Flat") + " --ids base.npy", "base.npy has 700 rows of 16 numbers, ids");
    write("f.npy", npy("<f4", 700, 1, std::vector<float>(700)));
    expect_failure(build_of("Flat") + " --ids f.npy", "labels have to be integers, not float32");
}

TEST_F(FileCommand, SearchWritesDistancesBesideLabels) {
    build("Flat");
    const auto labels = search("i", "--queries queries.npy --k 3 --distances d.npy");
    const auto distances = bqq::read_vectors(path("d.npy"));
    EXPECT_EQ(distances.n, 20U);
    EXPECT_EQ(distances.d, 3U);
    search("i", "--queries queries.npy --k 3 --distances d.fvecs");
    EXPECT_EQ(bqq::read_vectors(path("d.fvecs")).values, distances.values);

    const Outcome csv = run("search --index i --queries queries.npy --k 3");
    std::istringstream lines(csv.out);
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(line, "query,rank,label,distance");
    for (size_t i = 0; i < labels.size(); ++i) {
        ASSERT_TRUE(std::getline(lines, line));
        EXPECT_THAT(line, HasSubstr("," + std::to_string(labels[i]) + ","));
        EXPECT_EQ(std::stof(line.substr(line.rfind(',') + 1)), distances.values[i]);
    }
    std::istringstream objects(
            run("search --index i --queries queries.npy --k 3 --out-format jsonl").out);
    for (size_t i = 0; i < 20; ++i) {
        ASSERT_TRUE(std::getline(objects, line));
        const json object = json::parse(line);
        EXPECT_EQ(object["query"], i);
        for (size_t j = 0; j < 3; ++j) {
            EXPECT_EQ(object["labels"][j], labels[3 * i + j]);
            EXPECT_EQ(object["distances"][j].get<float>(), distances.values[3 * i + j]);
        }
    }
    EXPECT_FALSE(std::getline(objects, line));
}

TEST_F(FileCommand, JsonLeavesOutMissingNeighbours) {
    build("Flat", " --base-count 2");
    expect_success("search --index i --queries first.npy --k 4 --out r.jsonl");
    std::istringstream lines(contents("r.jsonl"));
    std::string line;
    std::getline(lines, line);
    EXPECT_THAT(json::parse(line)["labels"].get<std::vector<int>>(), ElementsAre(0, 1));
}

TEST_F(FileCommand, RadiusFindsAllWithin) {
    for (const char* metric : {"l2", "ip"}) {
        const bool l2 = std::string(metric) == "l2";
        const float radius = l2 ? 20 : 3;
        expect_success(
                "build --base base.npy --factory Flat --out i --metric " + std::string(metric));
        search("i", "--queries queries.npy --k 700 --distances d.npy");
        std::vector<size_t> expected(20);
        const auto distances = bqq::read_vectors(path("d.npy"));
        for (size_t i = 0; i < 20; ++i)
            expected[i] = static_cast<size_t>(std::count_if(
                    distances.row(i), distances.row(i) + 700,
                    [&](float distance) { return l2 ? distance < radius : distance > radius; }));
        EXPECT_THAT(expected, Contains(testing::Gt(1U)));
        const std::string command = "search --index i --queries queries.npy --radius " +
                                    std::to_string(radius) + " --out ";
        expect_success(command + "r.jsonl");
        std::istringstream lines(contents("r.jsonl"));
        std::string line;
        for (size_t i = 0; i < 20; ++i) {
            ASSERT_TRUE(std::getline(lines, line));
            const auto within = json::parse(line)["distances"].get<std::vector<float>>();
            ASSERT_EQ(within.size(), expected[i]) << metric;
            EXPECT_TRUE(std::equal(within.begin(), within.end(), distances.row(i)))
                    << "the nearest first";
        }
        expect_success(command + "r.csv");
        const std::string csv = contents("r.csv");
        size_t all = 0;
        for (const size_t count : expected) all += count;
        EXPECT_EQ(static_cast<size_t>(std::count(csv.begin(), csv.end(), '\n')), all + 1);
    }
}

TEST_F(FileCommand, RejectsABadSearchOutput) {
    build("Flat");
    const std::string search = "search --index i --queries queries.npy ";
    expect_failure(search, "either --k or --radius has to be given");
    expect_failure(search + "--k 1 --radius 2", "either --k or --radius has to be given");
    expect_failure(search + "--radius nan", "--radius is nan");
    expect_failure(search + "--radius 1 --out r.npy", "r.npy: queries have different numbers");
    expect_failure(search + "--radius 1 --out r.csv --distances d.npy", "--distances is a file of");
    expect_failure(search + "--k 1 --out-format xml", "the format 'xml' is none of");
    expect_failure(search + "--k 1 --distances d.csv", "d.csv: the extension is none of .npy");
    expect_failure(search + "--k 1 --out r.npy --distances no/d.npy", "cannot write no/d.npy");
}

TEST_F(FileCommand, AddGoesOnWhereBuildStopped) {
    for (const std::string factory : {"BQQ32", "BQQ32g2", "IVF4,BQQ32", "IDMap,BQQ32"}) {
        expect_success("build --base first.npy --metric l2 --out i --factory " + factory);
        expect_success("add --index i --base base.npy --reset --out whole");
        const Outcome outcome = run("add --index i --base second.npy");
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(outcome.out, "i: added 300 vectors, has 700\n");
        EXPECT_TRUE(contents("i") == contents("whole")) << factory;
    }
}

TEST_F(FileCommand, AddChecksIds) {
    build("Flat", " --ids ids.npy");
    write_ids("two.npy", {5, 6});
    const std::string add = "add --index i --base base.npy ";
    expect_failure(add + "--ids ids.npy", "i has a vector with the id 1000 already");
    expect_failure(add + "--ids two.npy", "two.npy has 2 ids, but base.npy has 700 vectors");
    expect_failure(add + "--metric ip", "--metric is ip, but i was built for l2");
    expect_success(add);
    EXPECT_THAT(search("i", "--queries base.npy --k 2"), Contains(id_of(699) + 1));
    build("Flat");
    expect_failure(add + "--ids ids.npy", "i keeps no ids: build it with --ids, or as IDMap,...");
    auto broken = base_;
    broken.back() = std::numeric_limits<float>::quiet_NaN();
    write("nan.npy", npy("<f4", kBaseSize, kD, broken));
    write("narrow.npy", npy("<f4", 2, 3, std::vector<float>(6)));
    const std::string before = contents("i");
    expect_failure("add --index i --base nan.npy", "nan.npy: row 699, column 15 is nan");
    expect_failure("add --index i --base narrow.npy", "narrow.npy has d = 3, but i has d = 16");
    EXPECT_TRUE(contents("i") == before);
}

TEST_F(FileCommand, RemoveTakesVectorsAway) {
    write_ids("some.npy", {id_of(1), id_of(699), 5});
    for (const char* factory : {"Flat", "BQQ32", "IVF4,BQQ32"}) {
        build(factory, " --ids ids.npy");
        const Outcome outcome = run("remove --index i --ids some.npy");
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(outcome.out, "i: removed 2 of 3 ids, has 698 vectors\n");
        const auto found = search("i", "--queries base.npy --k 5");
        EXPECT_THAT(found, Not(Contains(id_of(1))));
        EXPECT_THAT(found, Not(Contains(id_of(699))));
        EXPECT_THAT(found, Contains(id_of(2)));
    }
}

TEST_F(FileCommand, MergePutsIndexesTogether) {
    for (const std::string factory : {"BQQ32", "IVF4,BQQ32"}) {
        expect_success("build --base first.npy --metric l2 --out i --factory " + factory);
        expect_success("add --index i --base base.npy --reset --out whole");
        expect_success("add --index i --base second.npy --reset --out j");
        if (factory != "BQQ32")
            expect_failure(
                    "merge --index i --index j --out k",
                    "j: an index before it has the id 0 too; --renumber puts");
        const Outcome outcome = run("merge --index i --index j --renumber --out k");
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        EXPECT_EQ(outcome.out, "k: merged 2 indexes, has 700 vectors\n");
        EXPECT_EQ(
                search("k", "--queries queries.npy --k 5"),
                search("whole", "--queries queries.npy --k 5"));
        EXPECT_EQ(vectors_of("i"), 400U);
    }
    expect_success("build --base second.npy --metric l2 --out other --factory BQQ32");
    build("Flat");
    for (const char* whole : {"other", "i"})
        expect_failure(
                "merge --out l --index k --index " + std::string(whole),
                std::string(whole) + " cannot be merged into k, it has to be of the same kind and");
    expect_failure("merge --index i --index missing --out l", "missing");
    expect_failure("merge --index i --out l", "merge needs two indexes or more");
    expect_failure("merge --index i --index j --out j", "cannot write j: it is the input j");
}

/// A file of 1 GB, most of it holes.
TEST_F(FileCommand, BuildsFromAFileLargerThanItsMemory) {
    if (bqq::test::kSanitized) GTEST_SKIP() << "limits of memory cannot be set";
    constexpr size_t kWide = 16384;
    constexpr size_t kRows = 16384;
    constexpr size_t kSet = 64;
    {
        std::ofstream file(path("large.fbin"), std::ios::binary);
        const uint32_t sides[] = {kRows, kWide};
        file.write(reinterpret_cast<const char*>(sides), sizeof sides);
        const auto numbers = bqq::test::normal_numbers(kRows, kSet, 3);
        for (size_t i = 0; i < kRows; ++i) {
            file.seekp(static_cast<std::streamoff>(sizeof sides + i * kWide * sizeof(float)));
            file.write(
                    reinterpret_cast<const char*>(numbers.data() + i * kSet), kSet * sizeof(float));
        }
    }
    fs::resize_file(path("large.fbin"), 8 + kRows * kWide * sizeof(float));
    const Outcome outcome = run(
            "build --base large.fbin --metric l2 --train 100 --threads 1 --factory BQQ16 --out i",
            "ulimit -v 500000; OPENBLAS_NUM_THREADS=1");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(vectors_of("i"), kRows);
}

} // namespace file_command_test
