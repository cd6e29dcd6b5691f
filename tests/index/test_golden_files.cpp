// Files of the versions since 4, each written while it was the newest: tests/golden/generate.cpp.
#include "golden/data.h"
#include "search_results.h"
#include "temporary_folder.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <bqq/matrix_codec.h>
#include <faiss/IndexShards.h>
#include <faiss/index_io.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace golden_files_test {

namespace fs = std::filesystem;
using namespace bqq::test::golden;
using bqq::test::search;

const fs::path& folder() {
    static const fs::path path = fs::path(BQQ_SOURCE_DIR) / "tests/golden";
    return path;
}

/// Such as version_4/BQQ12_l2.
std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder()))
        if (entry.path().extension() == ".bqq")
            names.push_back(fs::relative(entry.path(), folder()).replace_extension());
    std::sort(names.begin(), names.end());
    return names;
}

class GoldenFiles : public testing::TestWithParam<std::string> {
protected:
    const fs::path path = folder() / (GetParam() + ".bqq");
    int d = 0, metric = 0;
    int64_t ntotal = 0;
    std::string factory;
    float mean = 0;
    bqq::test::Results answers;
    std::vector<float> decoded; ///< of the first results of the first query

    void SetUp() override {
        std::ifstream text(folder() / (GetParam() + ".txt"));
        ASSERT_TRUE(text >> d >> ntotal >> metric >> factory >> mean);
        if (ntotal == 0) return;
        answers.distances.resize(kQueries * kK);
        answers.labels.resize(kQueries * kK);
        for (size_t i = 0; i < answers.labels.size(); ++i)
            ASSERT_TRUE(text >> answers.labels[i] >> answers.distances[i]);
        for (float value = 0; text >> value;) decoded.push_back(value);
    }

    void expect_answers(const faiss::Index& index) const {
        ASSERT_EQ(index.d, d);
        ASSERT_EQ(index.ntotal, ntotal);
        ASSERT_EQ(static_cast<int>(index.metric_type), metric);
        if (ntotal == 0) return;
        const auto found = search(index, numbers(kQueries * kDimension, 2, mean), kK);
        for (size_t i = 0; i < found.labels.size(); ++i) {
            // Instruction sets round in different ways, and so do distances to a mean far away.
            const float rounding =
                    2e-5f * (1 + std::fabs(answers.distances[i]) + mean * mean / 1e4f);
            ASSERT_NEAR(found.distances[i], answers.distances[i], rounding) << "result " << i;
            // Neighbours at almost the same distance may change places.
            const bool tie = [&] {
                for (const size_t next : {i - 1, i + 1})
                    if (next / kK == i / kK && next < found.labels.size() &&
                        std::fabs(answers.distances[next] - answers.distances[i]) < 2 * rounding)
                        return true;
                return i % kK + 1 == kK; // one beyond the end
            }();
            if (!tie) {
                EXPECT_EQ(found.labels[i], answers.labels[i]) << "result " << i;
            }
        }
        for (size_t i = 0; i < decoded.size() / kDimension; ++i) {
            std::vector<float> x(kDimension);
            index.reconstruct(answers.labels[i], x.data());
            for (size_t j = 0; j < x.size(); ++j)
                EXPECT_NEAR(x[j], decoded[i * kDimension + j], 1e-5f * (1 + mean));
        }
    }
};
INSTANTIATE_TEST_SUITE_P(Files, GoldenFiles, testing::ValuesIn(names()), [](const auto& name) {
    std::string result = name.param;
    std::replace(result.begin(), result.end(), '/', '_');
    return result;
});

TEST(GoldenFilesOfAllVersions, AreAllThere) {
    EXPECT_EQ(names().size(), 51u + 51u + 51u + 52u + 52u);
}

TEST_P(GoldenFiles, AnswerTheSame) {
    expect_answers(*bqq::read_index(path));
}

TEST_P(GoldenFiles, AnswerTheSameMapped) {
    expect_answers(*bqq::read_index(path, faiss::IO_FLAG_MMAP));
}

TEST_P(GoldenFiles, AnswerTheSameWrittenAgain) {
    const bqq::test::TemporaryFolder temporary;
    const std::string again = temporary.path() / "again";
    bqq::write_index(bqq::read_index(path).get(), again);
    expect_answers(*bqq::read_index(again));
}

TEST_P(GoldenFiles, KeepTheirFactoryString) {
    const auto index = bqq::read_index(path);
    if (factory.starts_with("OPQ")) factory = "-"; // FAISS reads it as a transform of no name
    if (factory == "-") { // newer versions of FAISS know a name for a coarse inverted file
        if (GetParam().find("/IVF") == std::string::npos) {
            EXPECT_THROW(bqq::reverse_index_factory(index.get()), faiss::FaissException);
        }
        return;
    }
    // An id map over an inverted file is read as the inverted file, which keeps the ids.
    const size_t map = factory.find("IVF") == std::string::npos || !factory.starts_with("IDMap")
                               ? 0
                               : factory.find(',') + 1;
    EXPECT_EQ(bqq::reverse_index_factory(index.get()), factory.substr(map));
}

TEST(GoldenMatrix, IsRead) {
    const auto codec = bqq::MatrixCodec::load(folder() / "version_4/matrix.bqqm");
    EXPECT_EQ(codec.rows(), 12u);
    EXPECT_EQ(codec.cols(), 10u);
    EXPECT_EQ(codec.planes(), 2u);
    EXPECT_NEAR(codec.mse_per_plane().back(), 0.0973, 1e-4);
}

} // namespace golden_files_test
