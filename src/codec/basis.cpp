#include <bqq/basis.h>

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bqq {

namespace {

// Up to this depth all sums of signed scales are tried for an entry; beyond, plane after plane.
constexpr int kMaxTableDepth = 8;
constexpr int kFitIterations = 6;

/// The planes of one atom: an entry's bits are those of the nearest sum of signed scales.
class PlaneFit {
public:
    PlaneFit(size_t d, int depth) : d_(d), depth_(depth), bits_(d), rho_(depth) {}

    const Eigen::VectorXd& rho() const { return rho_; }
    /// bit b: entry j is +1 in plane b
    uint32_t bits(size_t j) const { return bits_[j]; }

    void fit(const std::vector<float>& target) {
        start(target);
        for (int i = 0; i < kFitIterations; ++i) {
            assign(target);
            refit_scales(target);
        }
        assign(target);
    }

    float value(uint32_t bits) const {
        double sum = 0;
        for (int b = 0; b < depth_; ++b) sum += (bits >> b & 1u) != 0 ? rho_[b] : -rho_[b];
        return static_cast<float>(sum);
    }

private:
    size_t d_;
    int depth_;
    std::vector<uint32_t> bits_;
    Eigen::VectorXd rho_;

    /// Each plane the signs of what the ones before it left.
    void start(const std::vector<float>& target) {
        std::vector<float> rest = target;
        for (int b = 0; b < depth_; ++b) {
            double sum = 0;
            for (float r : rest) sum += std::fabs(r);
            rho_[b] = sum / static_cast<double>(d_);
            for (float& r : rest) r -= std::copysign(static_cast<float>(rho_[b]), r);
        }
    }

    void assign(const std::vector<float>& target) {
        if (depth_ > kMaxTableDepth) {
            assign_greedily(target);
            return;
        }
        const size_t levels = size_t{1} << depth_;
        std::vector<std::pair<float, uint32_t>> table(levels);
        for (uint32_t code = 0; code < levels; ++code) table[code] = {value(code), code};
        std::sort(table.begin(), table.end());
        for (size_t j = 0; j < d_; ++j) {
            auto above = std::lower_bound(
                    table.begin(), table.end(), std::pair<float, uint32_t>{target[j], 0});
            if (above == table.end() ||
                (above != table.begin() &&
                 target[j] - std::prev(above)->first < above->first - target[j]))
                --above;
            bits_[j] = above->second;
        }
    }

    void assign_greedily(const std::vector<float>& target) {
        for (size_t j = 0; j < d_; ++j) {
            double rest = target[j];
            bits_[j] = 0;
            for (int b = 0; b < depth_; ++b) {
                const bool plus = (rest >= 0) == (rho_[b] >= 0);
                bits_[j] |= static_cast<uint32_t>(plus) << b;
                rest -= plus ? rho_[b] : -rho_[b];
            }
        }
    }

    void refit_scales(const std::vector<float>& target) {
        Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(depth_, depth_);
        Eigen::VectorXd right = Eigen::VectorXd::Zero(depth_);
        Eigen::VectorXd z(depth_);
        for (size_t j = 0; j < d_; ++j) {
            for (int b = 0; b < depth_; ++b) z[b] = (bits_[j] >> b & 1u) != 0 ? 1 : -1;
            normal.selfadjointView<Eigen::Lower>().rankUpdate(z);
            right += static_cast<double>(target[j]) * z;
        }
        // The ridge decides between planes that are equal, as all are where d is small.
        constexpr double kRidge = 1e-6;
        normal.diagonal().array() += kRidge * static_cast<double>(d_);
        rho_ = normal.selfadjointView<Eigen::Lower>().ldlt().solve(right);
    }
};

} // namespace

void Basis::expand() {
    B.assign(M * d, 0);
    for (size_t k = 0; k < M; ++k)
        for (int b = 0; b < depth; ++b) {
            const size_t row = k * static_cast<size_t>(depth) + static_cast<size_t>(b);
            const uint8_t* bits = Z.data() + row * plane_bytes();
            for (size_t j = 0; j < d; ++j)
                B[k * d + j] += (bits[j / 8] >> (j % 8) & 1) != 0 ? rho[row] : -rho[row];
        }
}

void fit_planes(std::span<const float> target, std::span<const float> code_gram, Basis& basis) {
    const size_t d = basis.d;
    const size_t M = basis.M;
    const auto depth = static_cast<size_t>(basis.depth);
    basis.rho.assign(M * depth, 0);
    basis.Z.assign(M * depth * basis.plane_bytes(), 0);
    std::vector<float> lost(M * d, 0); // target - B of the atoms done
    std::vector<float> row(d);
    PlaneFit planes(d, basis.depth);
    for (size_t k = 0; k < M; ++k) {
        std::copy_n(target.begin() + static_cast<std::ptrdiff_t>(k * d), d, row.begin());
        for (size_t i = 0; i < k; ++i) {
            const float weight = code_gram[k * M + i] / code_gram[k * M + k];
            for (size_t j = 0; j < d; ++j) row[j] += weight * lost[i * d + j];
        }
        planes.fit(row);
        for (size_t b = 0; b < depth; ++b) {
            basis.rho[k * depth + b] = static_cast<float>(planes.rho()[static_cast<int>(b)]);
            uint8_t* bits = basis.Z.data() + (k * depth + b) * basis.plane_bytes();
            for (size_t j = 0; j < d; ++j)
                bits[j / 8] |= static_cast<uint8_t>((planes.bits(j) >> b & 1u) << (j % 8));
        }
        for (size_t j = 0; j < d; ++j)
            lost[k * d + j] = target[k * d + j] - planes.value(planes.bits(j));
    }
    basis.expand();
}

} // namespace bqq
