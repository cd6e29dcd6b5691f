#pragma once

#include "codec/basis.h"
#include <bqq/metric.h>
#include <bqq/progress.h>
#include "codec/scale_codec.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace bqq {

class BinaryQuadraticProgram;
namespace kernels {
class PackedRows;
}

/// What training may cost and how it is seeded.
struct TrainingParameters {
    uint64_t seed = 1234; ///< same seed and data, same codes, whatever the number of threads
    size_t max_points_per_atom = 256; ///< a larger training set is sampled down to M times this
    /// Where the number of groups is left to train(): bytes of all bases for each byte of codes, in an index that
    /// holds as many vectors as the training set has. Of indexes of equal size the best had about 0.3 on
    /// Fashion-MNIST, anything up to 0.16 on sentence embeddings and 0.04 on GloVe; 0.15 loses about 0.01.
    double basis_share = 0.15;
    int rounds = 36;   ///< alternations of codes (given the basis) and basis (given the codes)
    Progress progress; ///< told after each round
};

/** Codes vectors in M bits and one or three bytes of scales (embedding form of BQQ).
 *
 * A vector x is coded as what it is from a centre c: the mean of the training set, or one that the caller
 * gives for each vector, such as the centroid of its inverted list:
 *
 *     x ~ c + scale alpha B^T s
 *
 * Queries are measured from the mean in either case, w = B (q - mean), so that one w serves all centres.
 *
 * The signs s of a vector minimize |x - B^T s|^2, a binary quadratic program solved by annealed flips; the
 * basis B is learned on a sample. See Kuroki et al., "Binary Quadratic Quantization", NeurIPS 2025.
 *
 * A code is (M + 7) / 8 bytes of bits (bit k at byte k / 8, position k % 8; 1 for s_k = +1), then the
 * bytes of ScaleCodec. It is a function of the vector alone, not of the others in the call.
 */
class BinaryQuadraticQuantizer {
public:
    static constexpr int kDefaultDepth = 8;
    static constexpr int kMaxDepth = 16;
    static constexpr size_t kMaxAtoms = 8192;

    size_t d = 0;              ///< dimension of the vectors
    size_t M = 0;              ///< bits, and atoms of the basis
    int depth = kDefaultDepth; ///< binary planes of the basis
    Metric metric = Metric::l2;
    size_t code_size = 0; ///< bytes per vector
    bool is_trained = false;

    BinaryQuadraticQuantizer() = default;

    /// @throws std::invalid_argument  when d or M is 0, M above kMaxAtoms, or depth not in 1..kMaxDepth
    BinaryQuadraticQuantizer(size_t d, size_t M, Metric metric, int depth = kDefaultDepth);

    /** Learns the basis and the range of the scales.
     * @param x        training vectors, size n * d
     * @param centres  size n * d, or nullptr for their mean
     * @throws std::invalid_argument  when n < M, or for a NaN or infinity (row and column named);
     *                                the quantizer is then as it was
     */
    void train(
            size_t n, const float* x, const TrainingParameters& parameters = {},
            const float* centres = nullptr);

    /** @param x        vectors, size n * d
     *  @param codes    output, size n * code_size
     *  @param centres  size n * d, or nullptr for the mean
     *  @param errors   output, size n: squared distance of a vector to the nearest multiple of B^T s; or nullptr
     *  @throws std::invalid_argument  for a NaN or infinity (row and column named)
     *  @throws std::logic_error       when not trained
     */
    void compute_codes(
            const float* x, uint8_t* codes, size_t n, const float* centres = nullptr,
            double* errors = nullptr) const;

    /** @param codes    size n * code_size
     *  @param x        output, size n * d
     *  @param centres  size n * d, those the codes were computed with
     *  @throws std::logic_error  when not trained
     */
    void decode(const uint8_t* codes, float* x, size_t n, const float* centres = nullptr) const;

    /// w = B x for n vectors x, in units of the basis, on the calling thread. Only when trained. @param w  size n * M
    void project(const float* x, float* w, size_t n) const;

    /// What B maps a code's reconstruction to: w = alpha B B^T s, in units of the basis. @param w  size M
    void project_code(const uint8_t* code, float* w) const;

    /// bytes of the code's bits: (M + 7) / 8
    size_t bits_size() const { return (M + 7) / 8; }

    const Basis& basis() const { return basis_; }
    const ScaleCodec& scales() const { return scales_; }

    /// Takes over what was learned elsewhere, such as in a file. basis.B is expanded here.
    void set_trained(Basis basis, const ScaleCodec& scales);

private:
    Basis basis_;
    ScaleCodec scales_;
    std::shared_ptr<const kernels::PackedRows> atoms_;
    std::shared_ptr<const BinaryQuadraticProgram> program_; ///< finds the signs, given basis_.B
};

/// @throws std::invalid_argument  naming the row and column of the first NaN or infinity in x (n x d)
void check_finite(const float* x, size_t n, size_t d, const char* what);

} // namespace bqq
