#include "front.h"

#include <algorithm>
#include <cmath>

namespace bqq::bench {

Front::Front(std::vector<Point> points) {
    std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
        return a.recall != b.recall ? a.recall > b.recall : a.qps > b.qps;
    });
    for (const Point& point : points) {
        if (points_.empty() || point.qps > points_.back().qps) points_.push_back(point);
    }
    std::reverse(points_.begin(), points_.end());
}

std::optional<double> Front::qps(double recall) const {
    const auto above = std::lower_bound(
            points_.begin(), points_.end(), recall,
            [](const Point& point, double value) { return point.recall < value; });
    if (above == points_.end()) return std::nullopt;
    if (above == points_.begin()) return above->qps;
    const Point& a = *(above - 1);
    const Point& b = *above;
    const double share = (recall - a.recall) / (b.recall - a.recall);
    return a.qps * std::pow(b.qps / a.qps, share);
}

} // namespace bqq::bench
