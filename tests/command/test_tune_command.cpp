#include "command_fixture.h"
#include "io/atomic_file.h"
#include "random_data.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace tune_command_test {

using testing::HasSubstr;

constexpr size_t kD = 8, kVectors = 1200, kQueries = 50;

class TuneCommand : public bqq::test::CommandFixture {
protected:
    void SetUp() override {
        write_fvecs("base.fvecs", bqq::test::gaussian_vectors(kVectors, kD, 1), kD);
        write_fvecs("queries.fvecs", bqq::test::gaussian_vectors(kQueries, kD, 2), kD);
    }

    nlohmann::json tuned(const std::string& name = "tuned.json") const {
        return nlohmann::json::parse(contents(name));
    }
};

TEST_F(TuneCommand, WritesWhatBuildAndSearchTake) {
    const bqq::test::Outcome outcome =
            run("tune --base base.fvecs --queries queries.fvecs --metric l2 --max-bytes 12 "
                "--min-recall 0.3 --k 5 --seconds 60");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const nlohmann::json json = tuned();
    EXPECT_LE(json["measured"]["bytes_per_vector"], 12);
    EXPECT_GE(json["measured"]["recall_k_at_k"], 0.3);
    EXPECT_EQ(json["metric"], "l2");
    EXPECT_EQ(json["wish"]["max_bytes"], 12);
    EXPECT_TRUE(json["wish"]["max_ms"].is_null());
    const std::string factory = json["factory"];
    EXPECT_THAT(outcome.out, HasSubstr(factory));

    expect_success("build --base base.fvecs --tuned tuned.json --out a");
    expect_success("build --base base.fvecs --factory " + factory + " --metric l2 --out b");
    EXPECT_EQ(contents("a"), contents("b"));
    std::string knobs;
    for (const auto& [name, value] : json["search"].items())
        knobs += " --" + name + " " + std::to_string(value.get<int>());
    expect_success("search --index a --tuned tuned.json --queries queries.fvecs --k 5 --out a.csv");
    expect_success("search --index a --queries queries.fvecs --k 5 --out b.csv" + knobs);
    EXPECT_EQ(contents("a.csv"), contents("b.csv"));
}

TEST_F(TuneCommand, SearchTakesItsParameters) {
    expect_success("build --base base.fvecs --factory IVF16,BQQ16 --metric l2 --out index");
    bqq::write_atomically(
            folder_ / "tuned.json",
            R"({"factory": "IVF16,BQQ16", "metric": "l2", "search": {"nprobe": 16}})");
    const std::string search = "search --index index --queries queries.fvecs --k 5 ";
    expect_success(search + "--out one.csv");
    expect_success(search + "--out all.csv --nprobe 16");
    expect_success(search + "--out tuned.csv --tuned tuned.json");
    expect_success(search + "--out given.csv --tuned tuned.json --nprobe 1");
    EXPECT_EQ(contents("tuned.csv"), contents("all.csv"));
    EXPECT_EQ(contents("given.csv"), contents("one.csv"));
    EXPECT_NE(contents("one.csv"), contents("all.csv"));
}

TEST_F(TuneCommand, HoldsQueriesOut) {
    expect_success(
            "tune --base base.fvecs --metric cosine --max-bytes 9 --seconds 60 --out held.json");
    const nlohmann::json json = tuned("held.json");
    EXPECT_EQ(json["vectors"], kVectors - kVectors / 10);
    EXPECT_LT(json["measured"]["recall_k_at_k"], 0.999); // a query is not its own neighbour
}

TEST_F(TuneCommand, SaysWhereNothingIsWhatIsWished) {
    const bqq::test::Outcome outcome =
            run("tune --base base.fvecs --queries queries.fvecs --metric l2 --max-bytes 5 "
                "--min-recall 1 --seconds 60");
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.out, HasSubstr("this comes nearest"));
    EXPECT_FALSE(tuned()["fulfils"]);
}

TEST_F(TuneCommand, RejectsWhatCannotBe) {
    const std::string tune = "tune --base base.fvecs --metric l2 ";
    expect_failure(tune, "--max-bytes, --min-recall or --max-ms");
    expect_failure(tune + "--min-recall 2", "min_recall = 2");
    expect_failure(tune + "--max-bytes 9 --k 0", "--k is 0");
    expect_failure(tune + "--max-bytes 9 --out /nowhere/tuned.json", "/nowhere");
    bqq::write_atomically(folder_ / "other.json", R"({"factory": 3})");
    expect_failure(
            "build --base base.fvecs --tuned other.json --out a", "other.json is no file of");
    expect_failure("build --base base.fvecs --tuned none.json --out a", "cannot read none.json");
    expect_failure("build --base base.fvecs --out a", "--factory and --metric are required");
    expect_failure(
            "build --base base.fvecs --tuned other.json --factory BQQ8 --metric l2 --out a",
            "--tuned");
    expect_success("build --base base.fvecs --factory BQQ8 --metric l2 --out flat");
    bqq::write_atomically(
            folder_ / "lists.json",
            R"({"factory": "IVF16,BQQ16", "metric": "l2", "search": {"nprobe": 16}})");
    expect_failure(
            "search --index flat --tuned lists.json --queries queries.fvecs --k 5", "lists.json");
}

} // namespace tune_command_test
