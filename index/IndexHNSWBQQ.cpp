#include <bqq/index/IndexHNSWBQQ.h>

#include "index/checks.h"
#include "index/faiss_errors.h"

#include <faiss/IndexFlat.h>
#include <faiss/impl/FaissAssert.h>
#include <omp.h>

#include <utility>
#include <vector>

namespace bqq {

namespace {

/// How many threads OpenMP uses, for as long as it lives.
class Threads {
public:
    explicit Threads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
    Threads(const Threads&) = delete;
    ~Threads() { omp_set_num_threads(before_); }

private:
    int before_;
};

} // namespace

IndexHNSWBQQ::IndexHNSWBQQ(IndexBQQ* codes, int M) : IndexHNSW(codes, M) {
    is_trained = codes->is_trained;
}

void IndexHNSWBQQ::add(idx_t n, const float* x) {
    FAISS_THROW_IF_NOT_MSG(storage != nullptr, "BQQ: IndexHNSWBQQ without codes, its storage");
    check_vectors(*storage, n, x, "add()");
    if (n == 0) return;
    // To decode all vectors costs as much as to link about a hundredth of them.
    constexpr idx_t kFew = 64;
    const int linking = reproducible ? 1 : omp_get_max_threads();
    if (n < ntotal / kFew) {
        const Threads threads(linking);
        IndexHNSW::add(n, x);
        return;
    }
    with_faiss_errors([&] {
        faiss::IndexFlat vectors(d, metric_type);
        {
            std::vector<float> decoded(static_cast<size_t>(ntotal) * static_cast<size_t>(d));
            storage->reconstruct_n(0, ntotal, decoded.data());
            vectors.add(ntotal, decoded.data());
        }
        IndexHNSW by_vectors(&vectors, 1);
        by_vectors.hnsw = hnsw;
        by_vectors.verbose = verbose;
        BQQ_SINCE_FAISS_1_8(by_vectors.init_level0 = init_level0;)
        BQQ_SINCE_FAISS_1_8(by_vectors.keep_max_size_level0 = keep_max_size_level0;)
        by_vectors.ntotal = ntotal;
        {
            const Threads threads(linking);
            by_vectors.add(n, x);
        }
        storage->add(n, x);
        hnsw = std::move(by_vectors.hnsw);
        ntotal = storage->ntotal;
    });
}

} // namespace bqq
