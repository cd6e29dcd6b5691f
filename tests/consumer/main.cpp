#include <bqq/index/index_factory.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

int main() {
    constexpr int d = 16;
    constexpr int64_t n = 256;
    std::mt19937 generator(1);
    std::normal_distribution<float> normal;
    std::vector<float> vectors(n * d);
    for (float& value : vectors) value = normal(generator);

    const std::unique_ptr<faiss::Index> index(bqq::index_factory(d, "BQQ32"));
    index->train(n, vectors.data());
    index->add(n, vectors.data());

    float distance = 0;
    int64_t label = -1;
    index->search(1, vectors.data(), 1, &distance, &label);
    std::printf("%lld\n", static_cast<long long>(label));
    return label >= 0 && label < n ? 0 : 1;
}
