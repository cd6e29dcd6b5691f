#include "command_fixture.h"
#include "random_data.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace diagnose_command_test {

using testing::HasSubstr;
using Json = nlohmann::json;

constexpr size_t kD = 8, kVectors = 1200, kQueries = 50;

class DiagnoseCommand : public bqq::test::CommandFixture {
protected:
    void SetUp() override {
        write_fvecs("base.fvecs", bqq::test::gaussian_vectors(kVectors, kD, 1), kD);
        write_fvecs("queries.fvecs", bqq::test::gaussian_vectors(kQueries, kD, 2), kD);
    }

    Json json(const std::string& arguments) const {
        const bqq::test::Outcome outcome = run("diagnose --json - " + arguments);
        EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
        return Json::parse(outcome.out);
    }
};

TEST_F(DiagnoseCommand, TellsOfVectorsQueriesAndAnIndex) {
    expect_success("build --base base.fvecs --factory IVF16,BQQ16 --metric l2 --out index");
    const std::string arguments = "--base base.fvecs --queries queries.fvecs --index index --k 5 ";
    const Json one = json(arguments), all = json(arguments + "--nprobe 16");
    EXPECT_EQ(one["k"], 5);
    EXPECT_EQ(one["vectors"]["n"], kVectors);
    EXPECT_EQ(one["vectors"]["spectrum"].size(), kD);
    EXPECT_EQ(one["queries"]["n"], kQueries);
    EXPECT_EQ(one["coding"][0]["bits"], 8);
    const Json& losses = one["index"]["losses"];
    EXPECT_EQ(losses[1]["part"], "lists");
    EXPECT_EQ(losses[1]["knob"], "nprobe");
    EXPECT_EQ(losses[1]["value"], 1);
    EXPECT_GT(losses[1]["recall"], 0.05);
    EXPECT_NEAR(all["index"]["losses"][1]["recall"], 0, 1e-9);
    EXPECT_GT(all["index"]["recall"], one["index"]["recall"]);
    EXPECT_FALSE(one["findings"].empty());

    const bqq::test::Outcome text = run("diagnose " + arguments + "--json d.json");
    EXPECT_EQ(text.exit_code, 0) << text.err;
    EXPECT_THAT(text.out, HasSubstr("intrinsic_dimensions"));
    EXPECT_THAT(text.out, HasSubstr("- The lists that a query does not visit lose"));
    EXPECT_EQ(Json::parse(contents("d.json")), one);
}

/// The metric of the index counts, and vectors are scaled for it.
TEST_F(DiagnoseCommand, CosinesNeedNoOption) {
    expect_success("build --base base.fvecs --factory BQQ16 --metric cosine --out index");
    const Json of_index = json("--base base.fvecs --index index");
    const Json of_vectors = json("--base base.fvecs --metric cosine");
    EXPECT_NEAR(of_index["vectors"]["median_norm"], 1, 1e-5);
    EXPECT_EQ(of_index["vectors"], of_vectors["vectors"]);
    EXPECT_EQ(of_index["coding"], of_vectors["coding"]);
    EXPECT_FALSE(of_vectors.contains("index"));
    EXPECT_FALSE(of_vectors.contains("queries"));
    EXPECT_EQ(of_index["index"]["bits"], 16);
}

TEST_F(DiagnoseCommand, CodesOfOthersHaveNoNumbersOfOurs) {
    expect_success("build --base base.fvecs --factory PQ4x4 --metric l2 --out index");
    const Json json = this->json("--base base.fvecs --index index");
    EXPECT_TRUE(json["index"]["bits"].is_null());
    EXPECT_GT(json["index"]["losses"][0]["recall"], 0.1);
}

TEST_F(DiagnoseCommand, ErrorsNameTheValue) {
    expect_success("build --base base.fvecs --factory BQQ16 --metric l2 --out index");
    const std::string base = "diagnose --base base.fvecs ";
    expect_failure(base, "--metric is missing");
    expect_failure(base + "--metric l1", "l1");
    expect_failure(base + "--metric ip --index index", "index");
    expect_failure(base + "--metric l2 --k 0", "--k is 0");
    expect_failure(base + "--metric l2 --k 101", "k = 101");
    expect_failure(base + "--metric l2 --nprobe 0", "--nprobe is 0");
    expect_failure(base + "--index index --nprobe 2", "has no inverted lists");
    expect_failure(base + "--index missing", "missing");
    expect_failure(base + "--index index --base-count 1100", "1100 vectors");
    expect_failure(base + "--metric l2 --base-count 999", "999 vectors");
    expect_failure(base + "--metric l2 --queries base.csv", "base.csv");
    expect_failure(base + "--metric l2 --json missing/d.json", "missing");
}

} // namespace diagnose_command_test
