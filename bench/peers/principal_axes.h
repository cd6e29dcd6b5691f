#pragma once

#include "peer.h"

namespace bqq::bench {

/// Principal axes of vectors whose mean is 0: rows, by falling variance.
struct PrincipalAxes {
    Rows axes;
    Eigen::VectorXf variances;

    explicit PrincipalAxes(const Rows& x);
};

} // namespace bqq::bench
