// The standalone codec: sa_encode and sa_decode.
#include "conformance.h"

namespace {

using namespace bqq::test;
using bqq::idx_t;

BQQ_CONFORMANCE_SUITE(Codec, kinds_with({Feature::codec}));
BQQ_CONFORMANCE_SUITE(CodecRefused, kinds_that_refuse(Feature::codec));
BQQ_CONFORMANCE_SUITE(CodecAndIndex, kinds_with({Feature::codec, Feature::reconstruct_n}));

constexpr idx_t kCoded = 200;

std::vector<uint8_t> encoded(const faiss::Index& index) {
    std::vector<uint8_t> codes(kCoded * index.sa_code_size());
    index.sa_encode(kCoded, base().data(), codes.data());
    return codes;
}

std::vector<float> decoded(const faiss::Index& index, const std::vector<uint8_t>& codes) {
    std::vector<float> vectors(kCoded * kDimension);
    index.sa_decode(kCoded, codes.data(), vectors.data());
    return vectors;
}

TEST_P(Codec, DecodesToAboutWhatWasEncoded) {
    const auto index = trained();
    const std::vector<float> vectors = decoded(*index, encoded(*index));
    const std::vector<float> x = rows(base(), 0, kCoded);
    EXPECT_LT(squared_error(vectors, x), GetParam().largest_error() * variance(x));
}

TEST_P(Codec, WritesCodeSizeBytesAndDFloatsAVector) {
    const auto index = trained();
    const size_t size = index->sa_code_size();
    EXPECT_GT(size, 0u);
    std::vector<uint8_t> codes(3 * size + 32, 77);
    index->sa_encode(3, base().data(), codes.data());
    EXPECT_THAT(std::vector<uint8_t>(codes.end() - 32, codes.end()), testing::Each(uint8_t{77}));
    std::vector<float> vectors(3 * kDimension + 32, 77);
    index->sa_decode(3, codes.data(), vectors.data());
    EXPECT_THAT(std::vector<float>(vectors.end() - 32, vectors.end()), testing::Each(77.0f));
    for (const float value : vectors) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(Codec, DependsOnTheVectorAlone) {
    const auto index = filled();
    const std::vector<uint8_t> codes = encoded(*index);
    EXPECT_EQ(codes, encoded(*trained()));
    const size_t size = index->sa_code_size();
    std::vector<uint8_t> one(size);
    index->sa_encode(1, base().data() + 44 * kDimension, one.data());
    EXPECT_TRUE(std::equal(one.begin(), one.end(), codes.begin() + 44 * static_cast<int>(size)));
    expect_filled(*index);
}

TEST_P(Codec, NoVectorsAreNoError) {
    const auto index = trained();
    uint8_t byte = 7;
    float value = 7;
    EXPECT_NO_THROW(index->sa_encode(0, base().data(), &byte));
    EXPECT_NO_THROW(index->sa_decode(0, &byte, &value));
    EXPECT_EQ(byte, 7);
    EXPECT_EQ(value, 7);
}

TEST_P(CodecAndIndex, DecodedVectorsAreTheReconstructedOnes) {
    const auto index = filled();
    const std::vector<float> vectors = decoded(*index, encoded(*index));
    std::vector<float> stored(kCoded * kDimension);
    index->reconstruct_n(0, kCoded, stored.data());
    for (size_t i = 0; i < stored.size(); ++i) ASSERT_NEAR(vectors[i], stored[i], 1e-5) << i;
}

TEST_P(CodecRefused, ThrowsAndLeavesTheIndexAsItWas) {
    const auto index = filled();
    expect_refused([&] { decoded(*index, encoded(*index)); });
    expect_filled(*index);
}

} // namespace
