#pragma once

#include <bqq/export.h>
#include <bqq/index/faiss_compat.h>
#include <faiss/AutoTune.h>
#include <faiss/IndexIVF.h>

#include <optional>
#include <string>

namespace bqq {

/** How the two stages of a search over codes go. Stage 1 scores all codes in integers; stage 2
 * scores those again in float that may be among the best.
 *
 * The indexes have these fields, and so have their search parameters, where they are optional.
 */
struct TwoStages {
    /// Stage 1 rounds the weights of a query to integers of up to this many bits, sign included (2
    /// to 12): more bits, fewer candidates.
    int query_bits = 8;
    /// Stage 2 scores what stage 1 puts within this many of its standard errors of the k-th best. 3
    /// returns the results of scoring all codes in float but for one in thousands; infinity does so
    /// always.
    float margin = 3;
};

/// Search parameters of IndexBQQ. What is not set is as the index has it.
struct SearchParametersBQQ : faiss::SearchParameters {
    std::optional<int> query_bits;   ///< see TwoStages
    std::optional<float> margin;     ///< see TwoStages
    std::optional<bool> leave_early; ///< see IndexBQQ
};

/// Search parameters of IndexIVFBQQ. nprobe and max_codes are always these.
struct IVFSearchParametersBQQ : faiss::SearchParametersIVF {
    std::optional<int> query_bits;          ///< see TwoStages
    std::optional<float> margin;            ///< see TwoStages
    std::optional<bool> widen_for_selector; ///< see IndexIVFBQQ
};

/// faiss::ParameterSpace that knows query_bits, margin and (0 or 1) leave_early of an index of
/// ours, also inside wrappers.
struct BQQ_API ParameterSpace : faiss::ParameterSpace {
    void initialize(const faiss::Index* index) override;
    /// @throws faiss::FaissException  for a name that the index does not know
    void set_index_parameter(
            faiss::Index* index, const std::string& name, double value) const override;
};

} // namespace bqq
