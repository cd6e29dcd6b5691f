#pragma once

#include <span>

namespace bqq {

/** The least mean squared error of each component when independent Gaussian ones are coded in so
 * many bits in all, and the error of those whose variance is below it is their variance (reverse
 * water-filling: Cover and Thomas, Elements of Information Theory, theorem 10.3.3).
 * @param variances  of the components, falling
 */
double water_level(std::span<const double> variances, double bits);

/// The same, summed over all components: no code of so many bits does better for Gaussian vectors
/// of this spectrum.
double shannon_error(std::span<const double> variances, double bits);

} // namespace bqq
