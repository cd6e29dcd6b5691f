#include <bqq/index/search_parameters.h>

#include "index/checks.h"
#include "index/wrappers.h"

#include <faiss/impl/FaissAssert.h>

#include <cmath>
#include <functional>

namespace bqq {

namespace {

/// Calls f for each index of ours that an index is or has inside.
void for_each_of_ours(faiss::Index* index, const std::function<void(TwoStages&)>& f) {
    if (auto* ours = dynamic_cast<TwoStages*>(index)) return f(*ours);
    if (const Wrapper* wrapper = find_wrapper(*index))
        for (faiss::Index* part : wrapper->parts(*index)) for_each_of_ours(part, f);
}

} // namespace

void ParameterSpace::initialize(const faiss::Index* index) {
    faiss::ParameterSpace::initialize(index);
    if (!contains_bqq(index)) return;
    add_range("query_bits").values = {4, 6, 8, 10};
    add_range("margin").values = {0, 1, 2, 3, 4};
}

void ParameterSpace::set_index_parameter(
        faiss::Index* index, const std::string& name, double value) const {
    if (name != "query_bits" && name != "margin")
        return faiss::ParameterSpace::set_index_parameter(index, name, value);
    FAISS_THROW_IF_NOT_FMT(
            contains_bqq(index), "BQQ: parameter %s of an index without BQQ codes", name.c_str());
    if (name == "query_bits") {
        FAISS_THROW_IF_NOT_FMT(
                value >= 2 && value <= 12 && value == std::floor(value),
                "BQQ: query_bits = %g, must be an integer from 2 to 12", value);
        for_each_of_ours(
                index, [&](TwoStages& ours) { ours.query_bits = static_cast<int>(value); });
    } else {
        FAISS_THROW_IF_NOT_FMT(value >= 0, "BQQ: margin = %g, must be at least 0", value);
        for_each_of_ours(index, [&](TwoStages& ours) { ours.margin = static_cast<float>(value); });
    }
}

} // namespace bqq
