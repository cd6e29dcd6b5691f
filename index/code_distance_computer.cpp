#include "index/code_distance_computer.h"

#include "kernels/squared_norm.h"

#include <algorithm>
#include <cmath>

namespace bqq {

CodeDistanceComputer::CodeDistanceComputer(
        const GroupedQuantizer& quantizer, const GroupedCodes& codes)
        : quantizer_(quantizer), codes_(codes), mean_weights_(quantizer.groups()) {}

CodeDistanceComputer::GroupQuery CodeDistanceComputer::from_vector(
        const std::vector<float>& x, size_t g) const {
    double q2 = 0;
    std::vector<QueryScan> scan = prepare_scans(quantizer_.group(g), 1, x.data(), {}, &q2);
    return {std::move(scan.front()), q2};
}

CodeDistanceComputer::GroupQuery CodeDistanceComputer::from_code(const uint8_t* code, size_t g) {
    const BinaryQuadraticQuantizer& quantizer = quantizer_.group(g);
    const Basis& basis = quantizer.basis();
    const uint8_t* stored = code + quantizer.bits_size();
    std::vector<float> w(quantizer.M);
    quantizer.project_code(code, w.data());
    if (quantizer.metric == Metric::l2)
        return {QueryScan(quantizer, w.data(), {}), quantizer.scales().decode(stored).nu};
    // The decoded vector is mean + unit * alpha B^T s; its product with the mean, and with the atoms.
    std::vector<float>& mean_weights = mean_weights_[g];
    if (mean_weights.empty()) {
        mean_weights.resize(quantizer.M);
        quantizer.project(basis.mean.data(), mean_weights.data(), 1);
    }
    double product = 0;
    for (size_t k = 0; k < quantizer.M; ++k) {
        product += (code[k / 8] >> (k % 8) & 1) != 0 ? mean_weights[k] : -mean_weights[k];
        w[k] = mean_weights[k] + basis.scale * w[k];
    }
    const double mean2 = kernels::squared_norm(basis.mean.data(), basis.d);
    const double alpha = quantizer.scales().decode_alpha(stored[0]);
    return {QueryScan(quantizer, w.data(), {}),
            mean2 / static_cast<double>(basis.scale) + alpha * product};
}

float CodeDistanceComputer::distance(Query& query, GroupedCodes::Place place) const {
    std::optional<GroupQuery>& in_group = query.groups[place.group];
    if (!in_group) in_group = from_vector(query.x, place.group);
    const kernels::InterleavedCodes view = codes_.blocks(place.group).view();
    const size_t block = place.position / kernels::kBlock;
    const double key = in_group->scan.key(
            view.block(block) + place.position % kernels::kBlock, view.width(block));
    const double unit = quantizer_.group(place.group).basis().scale;
    return static_cast<float>(
            quantizer_.metric == Metric::l2 ? unit * unit * std::max(in_group->q2 + key, 0.0)
                                            : unit * (in_group->q2 - key));
}

void CodeDistanceComputer::set_query(const float* x) {
    query_.x.assign(x, x + quantizer_.d);
    query_.groups.assign(quantizer_.groups(), std::nullopt);
}

float CodeDistanceComputer::operator()(idx_t i) {
    return distance(query_, codes_.place(static_cast<size_t>(i)));
}

float CodeDistanceComputer::symmetric_dis(idx_t i, idx_t j) {
    if (j != second_id_) {
        const size_t g = codes_.place(static_cast<size_t>(j)).group;
        std::vector<uint8_t> code(codes_.code_size());
        codes_.get(static_cast<size_t>(j), code.data());
        second_.groups.assign(quantizer_.groups(), std::nullopt);
        second_.groups[g] = from_code(code.data() + quantizer_.group_bytes(), g);
        second_.x.resize(quantizer_.d);
        if (quantizer_.groups() > 1) quantizer_.decode(code.data(), second_.x.data(), 1);
        second_id_ = j;
    }
    return distance(second_, codes_.place(static_cast<size_t>(i)));
}

} // namespace bqq
