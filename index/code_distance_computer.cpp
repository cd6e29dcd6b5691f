#include "code_distance_computer.h"

#include "kernels/dot_rows.h"

#include <algorithm>
#include <cmath>

namespace bqq {

CodeDistanceComputer::CodeDistanceComputer(
        const BinaryQuadraticQuantizer& quantizer, const CodeBlocks& codes)
        : quantizer_(quantizer), codes_(codes) {
    query_.l2 = second_.l2 = quantizer.metric == Metric::l2;
    query_.unit = second_.unit = quantizer.basis().scale;
    if (query_.l2 || !quantizer.is_trained) return;
    const Basis& basis = quantizer.basis();
    mean_weights_.resize(basis.M);
    kernels::dot_rows(
            basis.mean.data(), basis.d, 1, quantizer.atoms(), mean_weights_.data(), basis.M);
    for (const float m : basis.mean) mean2_ += static_cast<double>(m) * static_cast<double>(m);
    mean2_ /= query_.unit;
}

float CodeDistanceComputer::Query::distance(const CodeBlocks& codes, idx_t i) const {
    const kernels::InterleavedCodes view = codes.view();
    const auto position = static_cast<size_t>(i);
    const size_t block = position / kernels::kBlock;
    const double key =
            scan.front().key(view.block(block) + position % kernels::kBlock, view.width(block));
    return static_cast<float>(l2 ? unit * unit * std::max(q2 + key, 0.0) : unit * (q2 - key));
}

void CodeDistanceComputer::set_query(const float* x) {
    // A graph that was not trained is searched, too: IndexHNSW asks inside an OpenMP region, where nothing may throw.
    if (quantizer_.is_trained) query_.scan = prepare_scans(quantizer_, 1, x, {}, &query_.q2);
}

float CodeDistanceComputer::symmetric_dis(idx_t i, idx_t j) {
    if (j != second_id_) {
        std::vector<uint8_t> code(codes_.code_size());
        codes_.get(static_cast<size_t>(j), code.data());
        std::vector<float> w(quantizer_.M);
        quantizer_.project_code(code.data(), w.data());
        const uint8_t* stored = code.data() + quantizer_.bits_size();
        if (second_.l2) {
            second_.q2 = quantizer_.scales().decode(stored).nu;
        } else {
            // The decoded vector is mean + unit * alpha B^T s; its product with the mean, and with the atoms.
            const auto unit = static_cast<float>(second_.unit);
            const double alpha = quantizer_.scales().decode_alpha(stored[0]);
            double product = 0;
            for (size_t k = 0; k < quantizer_.M; ++k)
                product += (code[k / 8] >> (k % 8) & 1) != 0 ? mean_weights_[k] : -mean_weights_[k];
            second_.q2 = mean2_ + alpha * product;
            for (size_t k = 0; k < quantizer_.M; ++k) w[k] = mean_weights_[k] + unit * w[k];
        }
        second_.scan.clear();
        second_.scan.emplace_back(quantizer_, w.data(), ScanParameters{});
        second_id_ = j;
    }
    return second_.distance(codes_, i);
}

} // namespace bqq
