#pragma once

namespace bqq {

/// The knobs of the two stages.
struct ScanParameters {
    int query_bits = 8; ///< bits of the largest integer weight of a query in stage 1, 2 to 12
    float margin = 3;   ///< stage 2 sees what stage 1 puts within this many of its standard errors
};

} // namespace bqq
