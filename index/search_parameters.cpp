#include <bqq/index/search_parameters.h>

#include "index/checks.h"
#include "index/wrappers.h"

#include <bqq/index/IndexBQQ.h>
#include <faiss/impl/FaissAssert.h>

#include <cmath>
#include <functional>

namespace bqq {

namespace {

/// Calls f for each index of this class that an index is or has inside. @return how many there were
template <class Ours>
size_t for_each_of_ours(faiss::Index* index, const std::function<void(Ours&)>& f) {
    if (auto* ours = dynamic_cast<Ours*>(index)) {
        f(*ours);
        return 1;
    }
    size_t count = 0;
    if (const Wrapper* wrapper = find_wrapper(*index))
        for (faiss::Index* part : wrapper->parts(*index)) count += for_each_of_ours(part, f);
    return count;
}

} // namespace

void ParameterSpace::initialize(const faiss::Index* index) {
    faiss::ParameterSpace::initialize(index);
    if (!contains_bqq(index)) return;
    add_range("query_bits").values = {4, 6, 8, 10};
    add_range("margin").values = {0, 1, 2, 3, 4};
    // Only looked for: nothing is changed.
    if (for_each_of_ours<IndexBQQ>(const_cast<faiss::Index*>(index), [](IndexBQQ&) {}) > 0)
        add_range("leave_early").values = {0, 1};
}

void ParameterSpace::set_index_parameter(
        faiss::Index* index, const std::string& name, double value) const {
    if (name != "query_bits" && name != "margin" && name != "leave_early")
        return faiss::ParameterSpace::set_index_parameter(index, name, value);
    FAISS_THROW_IF_NOT_FMT(
            contains_bqq(index), "BQQ: parameter %s of an index without BQQ codes", name.c_str());
    if (name == "query_bits") {
        FAISS_THROW_IF_NOT_FMT(
                value >= 2 && value <= 12 && value == std::floor(value),
                "BQQ: query_bits = %g, must be an integer from 2 to 12", value);
        for_each_of_ours<TwoStages>(
                index, [&](TwoStages& ours) { ours.query_bits = static_cast<int>(value); });
    } else if (name == "margin") {
        FAISS_THROW_IF_NOT_FMT(value >= 0, "BQQ: margin = %g, must be at least 0", value);
        for_each_of_ours<TwoStages>(
                index, [&](TwoStages& ours) { ours.margin = static_cast<float>(value); });
    } else {
        FAISS_THROW_IF_NOT_FMT(
                value == 0 || value == 1, "BQQ: leave_early = %g, must be 0 or 1", value);
        const size_t count = for_each_of_ours<IndexBQQ>(
                index, [&](IndexBQQ& ours) { ours.leave_early = value != 0; });
        FAISS_THROW_IF_NOT_MSG(
                count > 0, "BQQ: leave_early of an inverted file, which scans its lists whole");
    }
}

} // namespace bqq
