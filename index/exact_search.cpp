#include "index/exact_search.h"

#include "base/parallel_for.h"
#include "index/checks.h"
#include "nearest/nearest_rows.h"

#include <faiss/impl/FaissAssert.h>

#include <algorithm>

namespace bqq {

ExactNeighbours exact_search(
        size_t n, const float* x, size_t d, faiss::MetricType metric, size_t nq,
        const float* queries, size_t k, const Progress& progress) {
    constexpr size_t kTogether = 16, kReported = 64 * kTogether;
    const NearestRows rows(x, n, d, to_metric(metric));
    ExactNeighbours found{std::vector<float>(nq * k), std::vector<int64_t>(nq * k)};
    for (size_t begin = 0; begin < nq; begin += kReported) {
        progress.report("exact search", begin, nq);
        parallel_ranges_with(
                std::min(nq - begin, kReported), kTogether, [] { return NearestRows::Scratch(); },
                [&](NearestRows::Scratch& scratch, size_t first, size_t last) {
                    const size_t q = begin + first;
                    rows.find(
                            last - first, queries + q * d, k, found.distances.data() + q * k,
                            found.rows.data() + q * k, scratch);
                });
    }
    FAISS_THROW_IF_NOT_MSG(
            std::ranges::find(found.rows, -1) == found.rows.end(),
            "BQQ: exact search: distances of the queries are beyond the range of a float");
    progress.report("exact search", nq, nq);
    return found;
}

} // namespace bqq
