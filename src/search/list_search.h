#pragma once

#include "nearest/nearest.h"
#include "search/query_scan.h"
#include "store/code_lists.h"

#include <bqq/quantizer.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace bqq {

/// Lists as a search reads them.
class SearchedLists {
public:
    virtual ~SearchedLists() = default;
    virtual size_t size(size_t list) const = 0;
    /// @param buffer  of the calling thread, for codes that are not stored interleaved
    virtual kernels::InterleavedCodes codes(size_t list, std::vector<uint8_t>& buffer) const = 0;
};

/// Lists of our own.
class SearchedCodeLists : public SearchedLists {
public:
    explicit SearchedCodeLists(const CodeLists& lists) : lists_(lists) {}
    size_t size(size_t list) const override { return lists_.size(list); }
    kernels::InterleavedCodes codes(size_t list, std::vector<uint8_t>&) const override {
        return lists_.codes(list);
    }

private:
    const CodeLists& lists_;
};

/// A list that a query visits, and what it adds to the keys of its codes.
struct Visit {
    int64_t list; ///< negative: none
    double offset;
};

/// What the queries of one call share.
struct ListSearch {
    const Quantizer& quantizer;
    const SearchedLists& lists;
    size_t nlist;
    std::span<const uint8_t> basis_of; ///< of each list; empty: list l has basis l
    ScanParameters parameters;
    std::function<bool(Place)> allowed; ///< which codes count; empty: all

    size_t basis(size_t list) const { return basis_of.empty() ? list : basis_of[list]; }
};

/// Lists and codes that were scanned.
struct ScanCounts {
    size_t lists = 0;
    size_t codes = 0;
};

/** The k nearest codes that one query has met.
 *
 * Ranks are distances less a constant of the query, the offset of the first list that it visits: it
 * may be so large that differences would be lost in it. Inner products have their sign changed.
 */
class NearestCodes {
public:
    NearestCodes(size_t nlist, size_t k, size_t expected, double base)
            : base_(base), position_bits_(63 - std::bit_width(nlist)), nearest_(k, expected) {}

    double base() const { return base_; }
    float threshold() const { return nearest_.threshold(); }
    size_t size() const { return nearest_.size(); }
    void add(Place place, float rank) {
        nearest_.add(static_cast<int64_t>(place.list << position_bits_ | place.position), rank);
    }
    /// A neighbour that the caller brought: entry `slot` of his.
    void add_given(size_t slot, double distance) {
        nearest_.add(-1 - static_cast<int64_t>(slot), static_cast<float>(distance - base_));
    }
    void add_all(NearestCodes& other) {
        for (const auto& [rank, label] : other.nearest_.sorted()) nearest_.add(label, rank);
    }

    /// Calls found(place, distance), or given(slot, distance), best first. Ends the adding.
    template <class Found, class Given>
    void for_each(const Found& found, const Given& given) {
        for (const auto& [rank, label] : nearest_.sorted()) {
            const double distance = static_cast<double>(rank) + base_;
            if (label < 0)
                given(static_cast<size_t>(-1 - label), distance);
            else
                found(to_place(static_cast<uint64_t>(label)), distance);
        }
    }

private:
    double base_;
    int position_bits_;
    Nearest nearest_;

    Place to_place(uint64_t label) const {
        return {static_cast<size_t>(label >> position_bits_),
                static_cast<size_t>(label & ((uint64_t{1} << position_bits_) - 1))};
    }
};

/// All codes that one query has met no farther away than a radius, give or take rounding.
class CodesWithin {
public:
    CodesWithin(double radius, double base)
            : base_(base),
              limit_(std::nextafter(
                      static_cast<float>(radius - base), std::numeric_limits<float>::max())) {}

    double base() const { return base_; }
    float threshold() const { return limit_; }
    size_t size() const { return found_.size(); }
    void add(Place place, float rank) {
        if (rank <= limit_) found_.emplace_back(place, static_cast<double>(rank) + base_);
    }
    void add_all(CodesWithin& other) {
        found_.insert(found_.end(), other.found_.begin(), other.found_.end());
    }
    /// with distances
    const std::vector<std::pair<Place, double>>& found() const { return found_; }

private:
    double base_;
    float limit_;
    std::vector<std::pair<Place, double>> found_;
};

/// What a query collects in, and what is done with it in the end.
template <class Collector>
using MakeCollector = std::function<Collector(size_t query, double base)>;
template <class Collector>
using FinishQuery = std::function<void(size_t query, Collector& collector)>;

/** Every query visits every list: that with the nearest centre first. Centres are the means of the
 * lists' bases.
 * @param x       queries, size n * d
 * @param make    (query, base) -> collector
 * @param finish  (query, collector)
 * @tparam Collector  NearestCodes or CodesWithin
 */
template <class Collector>
void search_all_lists(
        const ListSearch& search, size_t n, const float* x, const MakeCollector<Collector>& make,
        const FinishQuery<Collector>& finish);

/// How the visits of a query are limited and spread over threads.
struct VisitPlan {
    std::span<const Visit> visits; ///< size n * per_query, in the order of visiting
    size_t per_query;
    size_t max_codes = std::numeric_limits<size_t>::max(); ///< that a query scans
    /// A query goes on beyond max_codes until it has so many codes, and then scans whole lists.
    size_t wanted = 0;
    size_t slices = 1; ///< threads that share a query; with more than one, max_codes has no effect
};

/// Each query visits its own lists. @return what was scanned; otherwise as search_all_lists()
template <class Collector>
ScanCounts search_visits(
        const ListSearch& search, size_t n, const float* x, const VisitPlan& plan,
        const MakeCollector<Collector>& make, const FinishQuery<Collector>& finish);

} // namespace bqq
