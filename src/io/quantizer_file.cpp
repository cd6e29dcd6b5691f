#include "io/quantizer_file.h"

#include "codec/basis.h"
#include "codec/bfloat16.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

namespace bqq {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace {

constexpr uint64_t kMaxDimension = uint64_t{1} << 24;

/// In sixteen bits each, where these suffice for all.
void write_numbers(const std::vector<float>& values, const ByteSink& sink) {
    const bool half = are_bfloat16(values.data(), values.size());
    write_value(sink, uint8_t{half});
    if (!half) {
        sink(values.data(), values.size() * sizeof(float));
        return;
    }
    std::vector<uint16_t> bits(values.size());
    std::transform(values.begin(), values.end(), bits.begin(), bfloat16_bits);
    sink(bits.data(), bits.size() * sizeof(uint16_t));
}

std::vector<float> read_numbers(const ByteSource& source, size_t n) {
    if (!read_bool(source, "the size of numbers")) return read_array<std::vector<float>>(source, n);
    const auto bits = read_array<std::vector<uint16_t>>(source, n);
    std::vector<float> values(n);
    std::transform(bits.begin(), bits.end(), values.begin(), from_bfloat16_bits);
    return values;
}

/// Z, bit j of row (k, b) at place j % 8 of byte j / 8 of the row.
void write_planes(const Basis& basis, const ByteSink& sink) {
    std::vector<uint8_t> row((basis.d + 7) / 8);
    for (size_t k = 0; k < basis.directions(); ++k)
        for (size_t b = 0; b < static_cast<size_t>(basis.depth); ++b) {
            std::fill(row.begin(), row.end(), uint8_t{0});
            for (size_t j = 0; j < basis.d; ++j)
                if (basis.bit(k, b, j)) row[j / 8] |= static_cast<uint8_t>(1u << (j % 8));
            sink(row.data(), row.size());
        }
}

void read_planes(const ByteSource& source, Basis& basis) {
    const size_t row_bytes = (basis.d + 7) / 8;
    const std::vector<float> rho = std::move(basis.rho);
    const auto Z = read_array<std::vector<uint8_t>>(source, rho.size() * row_bytes);
    basis.clear_planes();
    basis.rho = rho;
    for (size_t k = 0; k < basis.directions(); ++k)
        for (size_t b = 0; b < static_cast<size_t>(basis.depth); ++b) {
            const uint8_t* row = Z.data() + (k * static_cast<size_t>(basis.depth) + b) * row_bytes;
            for (size_t j = 0; j < basis.d; ++j)
                if ((row[j / 8] >> (j % 8) & 1) != 0) basis.set_bit(k, b, j);
        }
}

void write_basis(const Basis& basis, const ByteSink& sink) {
    write_value(sink, basis.scale);
    write_numbers(basis.mean, sink);
    write_varint(sink, basis.tied_directions);
    sink(basis.direction_of.data(), basis.direction_of.size() * sizeof(uint16_t));
    if (basis.tied()) write_numbers(basis.step, sink);
    write_numbers(basis.rho, sink);
    write_planes(basis, sink);
    const ScaleCodec& scales = basis.scales;
    write_value(sink, scales.alpha_first);
    write_value(sink, scales.alpha_step);
    for (const float value : {scales.norm_first, scales.norm_step, scales.calibration})
        write_value(sink, value);
    write_value(sink, scales.last_near);
    write_value(sink, scales.far_first);
    write_value(sink, scales.far_step);
    write_value(sink, basis.training_error);
}

/// Which atoms are tied to which direction, and their steps.
void read_ties(const ByteSource& source, Basis& basis) {
    const uint64_t directions = read_varint(source);
    if (directions > basis.M)
        throw FileError(
                "basis has " + std::to_string(directions) + " directions of " +
                std::to_string(basis.M) + " atoms");
    basis.tied_directions = directions;
    if (!basis.tied()) return;
    basis.direction_of = read_array<std::vector<uint16_t>>(source, basis.M);
    basis.step = read_numbers(source, basis.M);
}

Basis read_basis(
        const ByteSource& source, size_t d, size_t M, int depth, Metric metric, uint32_t version) {
    Basis basis;
    basis.d = d;
    basis.M = M;
    basis.depth = depth;
    basis.scale = read_value<float>(source);
    basis.mean = read_numbers(source, d);
    if (version >= 7) read_ties(source, basis);
    basis.rho = read_numbers(source, basis.directions() * static_cast<size_t>(depth));
    read_planes(source, basis);
    ScaleCodec& scales = basis.scales;
    scales.metric = metric;
    scales.alpha_first = read_value<int32_t>(source);
    scales.alpha_step = read_value<int32_t>(source);
    for (float* value : {&scales.norm_first, &scales.norm_step, &scales.calibration})
        *value = read_value<float>(source);
    if (version < 6) return basis; // the rest is missing
    scales.last_near = read_value<uint8_t>(source);
    scales.far_first = read_value<int32_t>(source);
    scales.far_step = read_value<int32_t>(source);
    basis.training_error = read_value<float>(source);
    return basis;
}

/// What all bases of a quantizer have in common.
struct Form {
    uint64_t d, M;
    int32_t depth;
    Metric metric;
};

Form read_form(const ByteSource& source, uint32_t version) {
    Form form{};
    form.d = version == 4 ? read_value<uint64_t>(source) : read_varint(source);
    form.M = version == 4 ? read_value<uint64_t>(source) : read_varint(source);
    form.depth = version == 4 ? read_value<int32_t>(source)
                              : static_cast<int32_t>(std::min<uint64_t>(read_varint(source), 255));
    form.metric = read_bool(source, "the metric") ? Metric::inner_product : Metric::l2;
    if (form.d > kMaxDimension || form.M > Quantizer::kMaxAtoms || form.depth < 0 ||
        form.depth > Quantizer::kMaxDepth)
        throw FileError(
                "quantizer has d = " + std::to_string(form.d) + ", M = " + std::to_string(form.M) +
                ", depth " + std::to_string(form.depth));
    return form;
}

/// Version 4: the wanted number of bases (0: chosen, then the wanted depth as well), their number,
/// and each with its form.
Quantizer read_version_4(const ByteSource& source) {
    const auto wanted = read_value<uint16_t>(source);
    const int wanted_depth = wanted == 0 ? read_value<uint8_t>(source) : 0;
    const auto count = read_value<uint16_t>(source);
    if (count == 0 || count > (wanted == 0 ? Quantizer::kMaxBases : wanted))
        throw FileError(
                "the index has " + std::to_string(count) + " bases of " + std::to_string(wanted));
    std::vector<Basis> bases;
    Form first{};
    for (size_t b = 0; b < count; ++b) {
        const Form form = read_form(source, 4);
        if (b == 0) first = form;
        if (form.d != first.d || form.M != first.M)
            throw FileError("basis " + std::to_string(b) + " has another form");
        if (read_bool(source, "is_trained"))
            bases.push_back(read_basis(source, form.d, form.M, form.depth, form.metric, 4));
    }
    std::optional<int> depth;
    const int usual = wanted == 1 ? Quantizer::kDepthOfOne : Quantizer::kDepthOfSeveral;
    if (wanted == 0 && wanted_depth != 0) depth = wanted_depth;
    if (wanted != 0 && first.depth != usual) depth = first.depth;
    Quantizer quantizer(
            first.d, first.M, first.metric, depth,
            wanted == 0 ? std::nullopt : std::optional<size_t>(wanted));
    if (count > 1 || !bases.empty()) quantizer.set_bases(std::move(bases));
    return quantizer;
}

} // namespace

bool read_bool(const ByteSource& source, const char* what) {
    const auto value = read_value<uint8_t>(source);
    if (value > 1)
        throw FileError(std::string(what) + " is " + std::to_string(value) + ", must be 0 or 1");
    return value != 0;
}

void write_varint(const ByteSink& sink, uint64_t value) {
    for (; value >= 128; value >>= 7) write_value(sink, static_cast<uint8_t>(value | 128));
    write_value(sink, static_cast<uint8_t>(value));
}

uint64_t read_varint(const ByteSource& source) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const auto byte = read_value<uint8_t>(source);
        if (shift == 63 && byte > 1) break;
        value |= uint64_t{byte & 127u} << shift;
        if (byte < 128) return value;
    }
    throw FileError("a number has more than 64 bits");
}

void write_quantizer(const Quantizer& quantizer, const ByteSink& sink) {
    write_varint(sink, quantizer.d());
    write_varint(sink, quantizer.M());
    write_varint(sink, static_cast<uint64_t>(quantizer.depth()));
    write_value(sink, uint8_t{quantizer.metric() == Metric::inner_product});
    write_value(sink, static_cast<uint8_t>(quantizer.wanted_depth().value_or(0)));
    write_value(sink, static_cast<uint16_t>(quantizer.wanted_bases().value_or(0)));
    write_value(
            sink,
            static_cast<uint8_t>(
                    quantizer.wanted_atoms() ? 1 + int{*quantizer.wanted_atoms() == Atoms::tied}
                                             : 0));
    write_value(sink, static_cast<uint16_t>(quantizer.bases()));
    for (size_t b = 0; b < quantizer.bases(); ++b) write_basis(quantizer.basis(b), sink);
}

Quantizer read_quantizer(const ByteSource& source, uint32_t version) {
    if (version == 4) return read_version_4(source);
    const Form form = read_form(source, version);
    const int wanted_depth = read_value<uint8_t>(source);
    const size_t wanted_bases = read_value<uint16_t>(source);
    const int wanted_atoms = version >= 7 ? read_value<uint8_t>(source) : 0;
    const size_t count = read_value<uint16_t>(source);
    if (wanted_atoms > 2)
        throw FileError("atoms are " + std::to_string(wanted_atoms) + ", must be 0, 1 or 2");
    if (count > Quantizer::kMaxBases || (count > 0 && form.depth == 0))
        throw FileError(
                "quantizer has " + std::to_string(count) + " bases of depth " +
                std::to_string(form.depth));
    Quantizer quantizer(
            form.d, form.M, form.metric,
            wanted_depth == 0 ? std::nullopt : std::optional(wanted_depth),
            wanted_bases == 0 ? std::nullopt : std::optional(wanted_bases),
            wanted_atoms == 0   ? std::nullopt
            : wanted_atoms == 1 ? std::optional(Atoms::free)
                                : std::optional(Atoms::tied));
    std::vector<Basis> bases;
    for (size_t b = 0; b < count; ++b)
        bases.push_back(read_basis(source, form.d, form.M, form.depth, form.metric, version));
    if (count > 0) quantizer.set_bases(std::move(bases));
    return quantizer;
}

} // namespace bqq
