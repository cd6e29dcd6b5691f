#include "codec/basis_choice.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace bqq {

GroupedQuantizer::Bases choose_bases(
        size_t n, const BinaryQuadraticQuantizer& form, size_t least_size, int depth,
        double share) {
    if (!std::isfinite(share) || share < 0)
        throw std::invalid_argument(
                "BQQ: basis_share = " + std::to_string(share) + ", must be at least 0");
    // A plane has a bit for each entry and two bytes for each atom's scale.
    const size_t plane_bytes = form.M * ((form.d + 7) / 8 + 2);
    const double planes =
            share * static_cast<double>(n * form.code_size) / static_cast<double>(plane_bytes);
    const bool chosen = depth == GroupedQuantizer::kChooseDepth;
    const int of_several = chosen ? GroupedQuantizer::kDefaultDepth : depth;
    const size_t by_size = n / least_size;
    const double most = std::min(
            {planes / of_several, static_cast<double>(by_size),
             static_cast<double>(GroupedQuantizer::kMaxGroups)});
    const auto groups = static_cast<size_t>(most);
    if (groups > 1) return {groups, of_several};
    if (!chosen) return {1, depth};
    return {1, static_cast<int>(std::clamp<double>(
                       planes, GroupedQuantizer::kDefaultDepth,
                       BinaryQuadraticQuantizer::kDefaultDepth))};
}

} // namespace bqq
