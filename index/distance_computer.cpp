#include "index/distance_computer.h"

#include "codec/encoder.h"
#include "index/results.h"

namespace bqq {

CodeDistanceComputer::CodeDistanceComputer(const Quantizer& codec, const CodeLists& lists)
        : codec_(codec), lists_(lists), mean_weights_(lists.nlist()) {}

CodeDistanceComputer::ListQuery CodeDistanceComputer::from_vector(
        const std::vector<float>& x, size_t list) const {
    const Basis& basis = codec_.basis(list);
    const size_t first = 0;
    std::vector<QueryScan> scans = prepare_scans(basis, {&first, 1}, x.data(), {});
    return {std::move(scans.front()),
            list_offset(codec_.metric(), x.data(), basis.mean.data(), basis.d)};
}

CodeDistanceComputer::ListQuery CodeDistanceComputer::from_code(const uint8_t* code, size_t list) {
    const Basis& basis = codec_.basis(list);
    const uint8_t* stored = code + codec_.bits_size();
    // The decoded vector is mean + scale * alpha B^T s, and w = B B^T s.
    std::vector<float> signs(basis.M), w(basis.M);
    for (size_t k = 0; k < basis.M; ++k)
        signs[k] = (code[k / 8] >> (k % 8) & 1) != 0 ? 1.0f : -1.0f;
    codec_.encoders().of(list).project_signs(signs.data(), w.data());
    const auto [alpha, nu] = basis.scales.decode(stored);
    const double scale = basis.scale;
    if (codec_.metric() == Metric::l2) {
        for (float& weight : w) weight *= alpha;
        return {QueryScan(basis, w.data(), {}), scale * scale * static_cast<double>(nu)};
    }
    std::vector<float>& mean_weights = mean_weights_[list];
    if (mean_weights.empty()) {
        mean_weights.resize(basis.M);
        basis.project(basis.mean.data(), 1, mean_weights.data());
    }
    double product = 0; // of B^T s and the mean
    for (size_t k = 0; k < basis.M; ++k) {
        product += signs[k] * mean_weights[k];
        w[k] = mean_weights[k] + basis.scale * alpha * w[k];
    }
    const double mean2 =
            -list_offset(Metric::inner_product, basis.mean.data(), basis.mean.data(), basis.d);
    return {QueryScan(basis, w.data(), {}),
            -(mean2 + scale * static_cast<double>(alpha) * product)};
}

float CodeDistanceComputer::distance(Query& query, Place place) {
    std::optional<ListQuery>& in_list = query.lists[place.list];
    if (!in_list) in_list = from_vector(query.x, place.list);
    const kernels::InterleavedCodes codes = lists_.codes(place.list);
    const size_t block = place.position / kernels::kBlock;
    const double key = in_list->scan.key(
            codes.block(block) + place.position % kernels::kBlock, codes.width(block));
    return to_distance(codec_.metric(), key + in_list->offset);
}

void CodeDistanceComputer::set_query(const float* x) {
    query_.x.assign(x, x + codec_.d());
    query_.lists.assign(lists_.nlist(), std::nullopt);
}

float CodeDistanceComputer::operator()(idx_t i) {
    return distance(query_, lists_.place(static_cast<size_t>(i)));
}

float CodeDistanceComputer::symmetric_dis(idx_t i, idx_t j) {
    if (j != second_id_) {
        const size_t list = lists_.place(static_cast<size_t>(j)).list;
        std::vector<uint8_t> code(lists_.code_size());
        lists_.get(static_cast<size_t>(j), code.data());
        second_.lists.assign(lists_.nlist(), std::nullopt);
        second_.lists[list] = from_code(code.data(), list);
        second_.x.resize(codec_.d());
        const auto number = static_cast<uint32_t>(list);
        if (lists_.nlist() > 1) codec_.decode(code, {&number, 1}, second_.x);
        second_id_ = j;
    }
    return distance(second_, lists_.place(static_cast<size_t>(i)));
}

} // namespace bqq
