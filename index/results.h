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

/** Rows of distances and labels. With as_heaps, a row holds a heap that the caller started, and is
 * left as one (faiss::IndexIVF::PARALLEL_MODE_NO_HEAP_INIT).
 */
struct ResultRows {
    size_t k;
    float* distances;
    idx_t* labels;
    Metric metric;
    bool as_heaps = false;

    void write(size_t row, NearestCodes& nearest, const IdOf& id) const;
};

/// Distances as FAISS reports them, from those whose sign is changed for the inner product.
inline float to_distance(Metric metric, double distance) {
    return static_cast<float>(metric == Metric::l2 ? std::max(distance, 0.0) : 0.0 - distance);
}
inline double from_distance(Metric metric, float distance) {
    return metric == Metric::l2 ? static_cast<double>(distance) : -static_cast<double>(distance);
}

/// range_search() over the collectors of one call.
class RangeRows {
public:
    RangeRows(size_t n, Metric metric, float radius, IdOf id)
            : metric_(metric), radius_(radius), id_(std::move(id)), found_(n) {}

    /// Of a query that has no row yet.
    CodesWithin collector(double base) const { return {from_distance(metric_, radius_), base}; }
    void write(size_t row, const CodesWithin& collector);
    void finish(faiss::RangeSearchResult* result) const;

private:
    Metric metric_;
    float radius_;
    IdOf id_;
    std::vector<std::vector<std::pair<idx_t, float>>> found_;
};

} // namespace bqq
