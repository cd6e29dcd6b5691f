#pragma once

#include <optional>
#include <vector>

namespace bqq::bench {

struct Point {
    double recall = 0;
    double qps = 0;
};

/// The points that no other one beats in both recall and speed, ascending in recall.
class Front {
public:
    explicit Front(std::vector<Point> points);

    /** Queries a second at this recall: their logarithm is linear in recall between two points.
     * Below the lowest recall that is the fastest point's speed; above the highest there is none.
     */
    std::optional<double> qps(double recall) const;

private:
    std::vector<Point> points_;
};

} // namespace bqq::bench
