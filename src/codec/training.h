#pragma once

#include "codec/basis.h"

#include <bqq/quantizer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace bqq {

/// Vectors to train a basis on. The vectors stay where the caller has them.
struct TrainingSet {
    const float* x;                ///< rows of dimension d
    std::vector<size_t> rows;      ///< which of them
    std::vector<uint32_t> list_of; ///< list of each of them; empty: all are coded from their mean
    std::span<const float> centres{}; ///< of the lists, size nlist * d
};

/** Learns a basis of the quantizer's form and its scales from the set, or a sample of it: at least
 * M vectors.
 *
 * Free atoms start on the sample's principal directions, each split into bits as its variance asks.
 * Then codes (annealed flips) and basis (least squares) alternate; the last rounds use all of the
 * sample. The fewer planes the basis has, the earlier it is bound to them. Tied atoms are the
 * principal directions with the steps that code the sample best. Beside the caller's vectors there
 * is one copy of the sample, for tied atoms two.
 */
Basis train_basis(
        const TrainingSet& set, const Quantizer& quantizer, int depth,
        const TrainingParameters& parameters);

/// A cluster of fewer vectors an atom has no basis of its own.
inline constexpr size_t kLeastPointsPerAtom = 4;

/// How many bases at most, and of how many planes.
struct BasesChoice {
    size_t bases;
    int depth;
};

/** What train() makes of n vectors. Where their number is chosen, all bases may take `share` of the
 * bytes of the codes; where that, or n, is too little for two, there is one basis of as many planes
 * as the share affords, between Quantizer::kDepthOfSeveral and kDepthOfOne.
 * @throws InvalidArgument  for a share that is negative or not finite
 */
BasesChoice choose_bases(const Quantizer& quantizer, size_t n, double share);

/// The choice of a single basis. @param share  not negative
BasesChoice one_basis(const Quantizer& quantizer, size_t n, double share);

/// Trains bases one after the other and sets them. @param set  (b) -> vectors of basis b
void train_bases(
        Quantizer& quantizer, BasesChoice choice, const std::function<TrainingSet(size_t b)>& set,
        const TrainingParameters& parameters);

} // namespace bqq
