#pragma once

#include <bqq/grouped_quantizer.h>

#include <algorithm>

namespace bqq {

/// Distances in the units in which those of all groups can be compared: of group 0's basis.
class CommonUnits {
public:
    explicit CommonUnits(const GroupedQuantizer& quantizer)
            : l2_(quantizer.metric == Metric::l2), unit_(factor(quantizer.group(0))) {}

    bool l2() const { return l2_; }
    /// What a group's own units are in these.
    double of_group(const BinaryQuadraticQuantizer& group) const { return factor(group) / unit_; }

    /// Squared L2, or the inner product. @param rank  smaller is closer
    float distance(double rank) const {
        return static_cast<float>(l2_ ? unit_ * std::max(rank, 0.0) : -unit_ * rank);
    }
    double rank(double distance) const { return l2_ ? distance / unit_ : -distance / unit_; }

private:
    bool l2_;
    double unit_;

    double factor(const BinaryQuadraticQuantizer& group) const {
        const double scale = group.basis().scale;
        return l2_ ? scale * scale : scale;
    }
};

/// What the keys of some codes (QueryScan) say about distances, in common units; smaller is closer under both metrics.
class Ranks {
public:
    /** @param factor  CommonUnits::of_group
     *  @param offset  the rank of a key of 0
     */
    Ranks(double factor, double offset) : factor_(factor), offset_(offset) {}

    float rank(float key) const {
        return static_cast<float>(factor_ * static_cast<double>(key) + offset_);
    }
    float key(float rank) const {
        return static_cast<float>((static_cast<double>(rank) - offset_) / factor_);
    }

private:
    double factor_;
    double offset_;
};

} // namespace bqq
