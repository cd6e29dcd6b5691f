#pragma once

#include "search/list_search.h"

#include <bqq/index/IndexBQQ.h>

#include <functional>
#include <vector>

namespace faiss {
struct RangeSearchResult;
}

namespace bqq {

/// The id of a code.
using IdOf = std::function<idx_t(Place)>;

/** Rows of distances and labels. With as_heaps, a row holds a heap that the caller started, and is left
 * as one (faiss::IndexIVF::PARALLEL_MODE_NO_HEAP_INIT).
 */
struct ResultRows {
    size_t k;
    float* distances;
    idx_t* labels;
    Metric metric;
    bool as_heaps = false;

    void write(size_t row, NearestCodes& nearest, const IdOf& id) const;
};

/// Fills the result with what each query found.
void write_range(
        const std::vector<std::vector<std::pair<idx_t, float>>>& found,
        faiss::RangeSearchResult* result);

/// Distances as FAISS reports them, from those whose sign is changed for the inner product.
inline float to_distance(Metric metric, double distance) {
    return static_cast<float>(metric == Metric::l2 ? std::max(distance, 0.0) : -distance);
}
inline double from_distance(Metric metric, float distance) {
    return metric == Metric::l2 ? static_cast<double>(distance) : -static_cast<double>(distance);
}

/// range_search() over the collectors of one call.
class RangeRows {
public:
    RangeRows(size_t n, Metric metric, IdOf id)
            : metric_(metric), id_(std::move(id)), found_(n) {}

    void write(size_t row, const CodesWithin& collector);
    void finish(faiss::RangeSearchResult* result) const { write_range(found_, result); }

private:
    Metric metric_;
    IdOf id_;
    std::vector<std::vector<std::pair<idx_t, float>>> found_;
};

} // namespace bqq
