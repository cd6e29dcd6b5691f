#include "random_data.h"
#include "sanitized.h"
#include "search_results.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/diagnose.h>
#include <bqq/index/index_factory.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace diagnose_test {

using bqq::Diagnosis;
using bqq::RecallLoss;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Labels = std::vector<int64_t>;

constexpr int kD = 16;
constexpr size_t kVectors = BQQ_SANITIZED ? 1000 : 2000, kQueries = 200, kK = 5;

class Diagnose : public testing::Test {
protected:
    std::vector<float> x = bqq::test::gaussian_vectors(kVectors, kD, 1);
    std::vector<float> queries = bqq::test::gaussian_vectors(kQueries, kD, 2);
    bqq::DiagnoseParameters parameters{.k = kK};

    Diagnosis diagnose(
            faiss::Index* index = nullptr, faiss::MetricType metric = faiss::METRIC_L2) const {
        return bqq::diagnose(
                kD, metric, static_cast<int64_t>(x.size() / kD), x.data(),
                static_cast<int64_t>(queries.size() / kD), queries.data(), index, parameters);
    }

    std::unique_ptr<faiss::Index> build(const std::string& factory) const {
        auto index = bqq::index_factory(kD, factory, faiss::METRIC_L2);
        bqq::test::train_and_add(*index, x);
        return index;
    }

    double recall(const faiss::Index& index) const {
        return bqq::test::recall_among(index, x, queries, kK);
    }

    void set_row(size_t row, float value) {
        std::fill_n(x.begin() + std::ptrdiff_t(row) * kD, kD, value);
    }
};

std::vector<std::string> findings(const Diagnosis& diagnosis) {
    std::vector<std::string> all;
    for (const bqq::Finding& finding : diagnosis.findings)
        all.push_back(finding.what + " " + finding.knob);
    return all;
}

std::vector<std::string> parts(const Diagnosis& diagnosis) {
    std::vector<std::string> all;
    for (const RecallLoss& loss : diagnosis.index->losses) all.push_back(loss.part);
    return all;
}

TEST_F(Diagnose, GaussianVectorsHaveTheirSpectrum) {
    const Diagnosis diagnosis = diagnose();
    const bqq::VectorsDiagnosis& vectors = diagnosis.vectors;
    // The j-th direction has variance 1 / j.
    double sum = 0, squares = 0;
    size_t most = 0;
    for (int j = 1; j <= kD; ++j) sum += 1.0 / j, squares += 1.0 / (j * j);
    for (double part = 0; part < 0.95 * sum;) part += 1.0 / static_cast<double>(++most);
    EXPECT_EQ(vectors.n, kVectors);
    EXPECT_EQ(vectors.d, static_cast<size_t>(kD));
    EXPECT_NEAR(vectors.effective_dimensions, sum * sum / squares, 0.4);
    EXPECT_NEAR(static_cast<double>(vectors.dimensions_of_95), static_cast<double>(most), 1);
    ASSERT_EQ(vectors.spectrum.size(), static_cast<size_t>(kD));
    EXPECT_NEAR(vectors.spectrum[0], 1, 0.1);
    EXPECT_NEAR(vectors.spectrum[3], 0.25, 0.03);
    EXPECT_EQ(vectors.duplicates, 0);
    EXPECT_EQ(vectors.zeros, 0);
    EXPECT_EQ(vectors.outliers, 0);
    EXPECT_EQ(vectors.constant, 0u);
    EXPECT_LT(vectors.clustered, vectors.clustered_gaussian);
    EXPECT_GE(vectors.imbalance, 1);
    // Neighbours of few vectors lie far out, where a ball reaches beyond the small variances.
    EXPECT_GT(vectors.intrinsic_dimensions, 5);
    EXPECT_LT(vectors.intrinsic_dimensions, kD);
    EXPECT_GT(vectors.contrast, 1.5);
    EXPECT_THAT(findings(diagnosis), IsEmpty());
    EXPECT_THAT(diagnosis.text(), HasSubstr("effective_dimensions"));
}

/// Of k nearest of n vectors on a line the intrinsic dimension is one.
TEST_F(Diagnose, FindsTheDimensionOfALine) {
    for (size_t i = 0; i < kVectors; ++i)
        set_row(i, std::uniform_real_distribution<float>()(*std::make_unique<std::mt19937>(i)));
    queries.clear();
    parameters.k = 20;
    EXPECT_NEAR(diagnose().vectors.intrinsic_dimensions, 1, 0.1);
}

TEST_F(Diagnose, CountsOddRows) {
    set_row(0, 0);
    set_row(1, -0.0f);
    set_row(2, 1000);
    for (size_t i = 3; i < 13; ++i)
        std::copy_n(x.begin() + 20 * kD, kD, x.begin() + std::ptrdiff_t(i) * kD);
    for (size_t i = 0; i < kVectors; ++i) x[i * kD + 1] = 0;
    const Diagnosis diagnosis = diagnose();
    const bqq::VectorsDiagnosis& vectors = diagnosis.vectors;
    constexpr auto n = static_cast<double>(kVectors);
    EXPECT_DOUBLE_EQ(vectors.duplicates, 11 / n);
    EXPECT_DOUBLE_EQ(vectors.zeros, 2 / n);
    EXPECT_DOUBLE_EQ(vectors.outliers, 1 / n);
    EXPECT_EQ(vectors.constant, 1u);
    EXPECT_EQ(vectors.shortest, 0);
    EXPECT_NEAR(vectors.longest, 1000 * std::sqrt(kD - 1.0), 1);
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("equal one before them")));
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("are zero")));
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("three times as far out")));
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("1 of 16 components are the same")));
}

TEST_F(Diagnose, TellsClustersFromOneCloud) {
    const std::vector<float> centres = bqq::test::normal_numbers(20, kD, 3);
    for (size_t i = 0; i < x.size(); ++i) x[i] = 0.05f * x[i] + centres[i % (20 * kD)];
    const Diagnosis diagnosis = diagnose();
    EXPECT_GT(diagnosis.vectors.clustered, 0.99);
    EXPECT_GT(diagnosis.vectors.clustered, diagnosis.vectors.clustered_gaussian + 0.2);
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("lie in clusters")));
}

/// By inner product, a long vector is a neighbour of all on its side.
TEST_F(Diagnose, FindsHubs) {
    for (size_t i = 0; i < 20; ++i)
        for (size_t j = 0; j < kD; ++j) x[i * kD + j] *= 5;
    const Diagnosis by_l2 = diagnose(), by_ip = diagnose(nullptr, faiss::METRIC_INNER_PRODUCT);
    EXPECT_LT(by_l2.vectors.hubness, 4);
    EXPECT_GT(by_ip.vectors.hubness, 5);
    EXPECT_GT(by_ip.vectors.antihubs, by_l2.vectors.antihubs);
    EXPECT_THAT(findings(by_ip), Contains(HasSubstr("neighbours of very many")));
    EXPECT_THAT(findings(by_ip), Contains(HasSubstr("times as long as the middle one")));
    EXPECT_THAT(findings(by_l2), Not(Contains(HasSubstr("times as long as"))));
}

TEST_F(Diagnose, TellsWhereQueriesComeFrom) {
    const bqq::QueriesDiagnosis same = *diagnose().queries;
    EXPECT_EQ(same.n, kQueries);
    EXPECT_EQ(same.equal, 0);
    EXPECT_NEAR(same.own_kind, 0.5, 0.05);
    EXPECT_NEAR(same.distance_ratio, 1, 0.1);

    for (float& value : queries) value += 0.5f;
    const Diagnosis elsewhere = diagnose();
    EXPECT_GT(elsewhere.queries->own_kind, 0.8);
    EXPECT_GT(elsewhere.queries->distance_ratio, 1.3);
    EXPECT_THAT(findings(elsewhere), Contains(HasSubstr("another distribution")));

    std::copy_n(x.begin(), queries.size() / 2, queries.begin());
    const Diagnosis known = diagnose();
    EXPECT_EQ(known.queries->equal, 0.5);
    EXPECT_THAT(findings(known), Contains(HasSubstr("50 % of the queries equal a vector")));

    queries.clear();
    EXPECT_FALSE(diagnose().queries);
}

TEST_F(Diagnose, MoreBitsHaveLessErrorAndNoneLessThanShannons) {
    const auto coding = diagnose().coding;
    ASSERT_GE(coding.size(), 3u);
    for (size_t i = 0; i < coding.size(); ++i) {
        EXPECT_EQ(coding[i].bits, 8u << i);
        EXPECT_EQ(coding[i].bytes, static_cast<double>(1u << i) + 3);
        EXPECT_GT(coding[i].error, coding[i].shannon);
        if (i == 0) continue;
        EXPECT_LT(coding[i].error, coding[i - 1].error);
        EXPECT_LT(coding[i].shannon, coding[i - 1].shannon);
        EXPECT_GT(coding[i].recall, coding[i - 1].recall);
    }
}

TEST_F(Diagnose, SharesOutWhatAnInvertedFileLoses) {
    const auto index = build("IVF32,BQQ32");
    auto& ivf = dynamic_cast<faiss::IndexIVF&>(*index);
    ivf.nprobe = 2;
    const Diagnosis diagnosis = diagnose(index.get());
    EXPECT_EQ(ivf.nprobe, 2u);
    EXPECT_THAT(parts(diagnosis), ElementsAre("first pass", "lists", "codes"));
    const auto& losses = diagnosis.index->losses;
    double sum = diagnosis.index->recall;
    for (const RecallLoss& loss : losses) sum += loss.recall;
    EXPECT_NEAR(sum, 1, 1e-9);
    const double before = recall(*index);
    EXPECT_NEAR(diagnosis.index->recall, before, 1e-9);
    EXPECT_EQ(losses[1].knob, "nprobe");
    EXPECT_EQ(losses[1].value, 2);
    const auto at = [&](double nprobe) {
        ivf.nprobe = static_cast<size_t>(nprobe);
        return recall(*index);
    };
    const double all = at(32);
    EXPECT_NEAR(losses[2].recall, 1 - all, 0.003);
    EXPECT_NEAR(losses[1].recall, all - before, 0.003);
    EXPECT_GT(losses[1].recall, 0.05);
    EXPECT_GE(at(losses[1].enough), all - 0.013);
    EXPECT_LT(at(losses[1].enough / 2), all - 0.007);
    EXPECT_THAT(
            findings(diagnosis),
            Contains(HasSubstr(
                    "nprobe=" + std::to_string(static_cast<int>(losses[1].enough)) +
                    " instead of 2")));
    EXPECT_EQ(diagnosis.index->bits, 32);
    EXPECT_NEAR(diagnosis.index->bytes, 4 + 3 + 5.0 / 8, 1e-9);
    EXPECT_GT(diagnosis.index->error, diagnosis.index->shannon);
}

TEST_F(Diagnose, EstimatesAByteMore) {
    const auto index = build("BQQ24"), longer = build("BQQ32");
    const auto diagnosis = diagnose(index.get());
    EXPECT_NEAR(diagnosis.index->recall_of_a_byte_more, recall(*longer), 0.03);
    EXPECT_GT(diagnosis.index->recall_of_a_byte_more, diagnosis.index->recall + 0.03);
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("with BQQ32 instead of BQQ24")));
}

TEST_F(Diagnose, SharesOutWhatTheFirstPassLoses) {
    const auto index = build("BQQ32");
    auto& flat = dynamic_cast<bqq::IndexBQQ&>(*index);
    flat.margin = 0;
    flat.query_bits = 2;
    const Diagnosis diagnosis = diagnose(index.get());
    EXPECT_EQ(flat.margin, 0);
    EXPECT_EQ(flat.query_bits, 2);
    EXPECT_TRUE(flat.leave_early);
    const RecallLoss& loss = diagnosis.index->losses[0];
    EXPECT_EQ(loss.part, "first pass");
    EXPECT_GT(loss.recall, 0.01);
    EXPECT_EQ(loss.value, 0);
    EXPECT_EQ(loss.enough, 4);
    flat.margin = std::numeric_limits<float>::infinity();
    EXPECT_NEAR(diagnosis.index->losses[1].recall, 1 - recall(*index), 0.002);
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("margin=4 instead of 0")));
}

TEST_F(Diagnose, SharesOutWhatAGraphLoses) {
    const auto index = build("HNSW4,BQQ32");
    auto& graph = dynamic_cast<faiss::IndexHNSW&>(*index);
    graph.hnsw.efSearch = 5;
    const Diagnosis diagnosis = diagnose(index.get());
    EXPECT_EQ(graph.hnsw.efSearch, 5);
    EXPECT_THAT(parts(diagnosis), ElementsAre("graph", "codes"));
    const RecallLoss& loss = diagnosis.index->losses[0];
    EXPECT_GT(loss.recall, 0.01);
    EXPECT_GT(loss.enough, 5);
    EXPECT_EQ(diagnosis.index->bits, 32);
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("efSearch=")));
}

TEST_F(Diagnose, SharesOutWhatARefinementLoses) {
    const auto index = build("BQQ16,Refine(SQ8)");
    const Diagnosis diagnosis = diagnose(index.get());
    EXPECT_EQ(dynamic_cast<faiss::IndexRefine&>(*index).k_factor, 1);
    EXPECT_THAT(parts(diagnosis), ElementsAre("first pass", "candidates", "refinement"));
    EXPECT_GT(diagnosis.index->losses[1].recall, 0.3);
    EXPECT_LT(diagnosis.index->losses[2].recall, 0.1);
    EXPECT_GT(diagnosis.index->losses[1].enough, 1);
    EXPECT_EQ(diagnosis.index->bits, 16);
    // Of the codes, before the refinement.
    EXPECT_LT(diagnosis.index->recall_of_a_byte_more, 0.7);
    EXPECT_THAT(findings(diagnosis), Contains(HasSubstr("k_factor=")));
}

/// Rows of the base are not neighbours of themselves.
TEST_F(Diagnose, AnExactIndexLosesNothing) {
    const auto index = build("Flat");
    for (size_t i = 0; i < 40; ++i) std::copy_n(x.begin(), kD, x.begin() + std::ptrdiff_t(i) * kD);
    index->reset();
    index->add(kVectors, x.data());
    for (const bool has_queries : {true, false}) {
        if (!has_queries) queries.clear();
        const Diagnosis diagnosis = diagnose(index.get());
        EXPECT_NEAR(diagnosis.index->recall, 1, 1e-9);
        EXPECT_THAT(parts(diagnosis), ElementsAre("codes"));
        EXPECT_NEAR(diagnosis.index->losses[0].recall, 0, 1e-9);
        EXPECT_TRUE(std::isnan(diagnosis.index->bits));
        EXPECT_TRUE(std::isnan(diagnosis.index->recall_of_a_byte_more));
    }
}

/// An index that finds the query alone finds no neighbour of it.
TEST_F(Diagnose, ARowIsNoneOfItsNeighbours) {
    queries.clear();
    const auto index = build("BQQ64");
    const auto diagnosis = diagnose(index.get());
    queries = x;
    const auto found = bqq::test::search(*index, x, kK + 1).labels;
    faiss::IndexFlat exact(kD);
    exact.add(kVectors, x.data());
    const auto truth = bqq::test::search(exact, x, kK + 1).labels;
    size_t hits = 0;
    for (size_t i = 0; i < kVectors; ++i) {
        const auto others = [&](const Labels& labels) {
            Labels row(
                    labels.begin() + std::ptrdiff_t(i * (kK + 1)),
                    labels.begin() + std::ptrdiff_t((i + 1) * (kK + 1)));
            std::erase(row, static_cast<int64_t>(i));
            row.resize(kK);
            return row;
        };
        const Labels right = others(truth);
        for (const int64_t label : others(found)) hits += std::ranges::count(right, label) > 0;
    }
    EXPECT_NEAR(diagnosis.index->recall, static_cast<double>(hits) / (kVectors * kK), 0.02);
}

TEST_F(Diagnose, SaysTheSameAgain) {
    const auto index = build("IVF8,BQQ16");
    EXPECT_EQ(diagnose(index.get()).text(), diagnose(index.get()).text());
}

TEST_F(Diagnose, CosinesOfLongAndShortVectors) {
    auto index = bqq::index_factory(kD, "L2norm,BQQ32", faiss::METRIC_INNER_PRODUCT);
    for (size_t i = 0; i < kVectors; ++i) {
        double norm = 0;
        for (size_t j = 0; j < kD; ++j) norm += std::pow(static_cast<double>(x[i * kD + j]), 2);
        for (size_t j = 0; j < kD; ++j) x[i * kD + j] /= static_cast<float>(std::sqrt(norm));
    }
    bqq::test::train_and_add(*index, x);
    const auto diagnosis = diagnose(index.get(), faiss::METRIC_INNER_PRODUCT);
    EXPECT_EQ(diagnosis.index->bits, 32);
    EXPECT_EQ(diagnosis.index->bytes, 5);
    EXPECT_GT(diagnosis.index->error, diagnosis.index->shannon);
    EXPECT_LT(diagnosis.index->error, 0.5);
    EXPECT_NEAR(diagnosis.vectors.median_norm, 1, 1e-5);
}

/// A code's error is that of the vectors as the codes get them.
TEST_F(Diagnose, RotatedVectorsHaveTheErrorOfOthers) {
    const auto rotated = build("RR16,BQQ32"), plain = build("BQQ32");
    const double error = diagnose(plain.get()).index->error;
    EXPECT_NEAR(diagnose(rotated.get()).index->error, error, 0.2 * error);
}

TEST_F(Diagnose, ErrorsNameTheValue) {
    const auto expect_error = [](const auto& f, const std::string& part) {
        try {
            f();
            FAIL() << "no error, expected: " << part;
        } catch (const faiss::FaissException& error) {
            EXPECT_THAT(error.what(), HasSubstr(part));
        }
    };
    parameters.k = 0;
    expect_error([&] { diagnose(); }, "k = 0");
    parameters.k = 101;
    expect_error([&] { diagnose(); }, "k = 101");
    parameters.k = kK;
    const auto index = build("BQQ16");
    index->add(1, x.data());
    expect_error([&] { diagnose(index.get()); }, std::to_string(kVectors + 1));
    const auto of_cosines = bqq::index_factory(kD, "BQQ16", faiss::METRIC_INNER_PRODUCT);
    of_cosines->train(kVectors, x.data());
    of_cosines->add(kVectors, x.data());
    expect_error([&] { diagnose(of_cosines.get()); }, "another metric");
    const auto narrow = bqq::index_factory(kD / 2, "BQQ8", faiss::METRIC_L2);
    expect_error([&] { diagnose(narrow.get()); }, "an index of d = 8");
    const auto with_ids = bqq::index_factory(kD, "IDMap,BQQ16", faiss::METRIC_L2);
    with_ids->train(kVectors, x.data());
    Labels ids(kVectors);
    std::iota(ids.begin(), ids.end(), 70000);
    with_ids->add_with_ids(kVectors, x.data(), ids.data());
    expect_error([&] { diagnose(with_ids.get()); }, "is no row of");
    x[5 * kD + 3] = std::numeric_limits<float>::infinity();
    expect_error([&] { diagnose(); }, "diagnose() (vectors) got inf at row 5, column 3");
    x.resize(999 * kD);
    expect_error([&] { diagnose(); }, "999 vectors");
}

} // namespace diagnose_test
