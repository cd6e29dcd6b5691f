#pragma once

#include "baselines/approximation.h"

namespace bqq::bench {

/** The best matrix of the largest rank r whose two float32 factors fit: 4 r (n + d) bytes.
 * The factors are U sqrt(S) and sqrt(S) V^T.
 */
Approximation truncated_svd(const Matrix<float>& X, int bits);

} // namespace bqq::bench
