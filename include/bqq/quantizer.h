#pragma once

#include <bqq/error.h>
#include <bqq/export.h>
#include <bqq/memory.h>
#include <bqq/metric.h>
#include <bqq/progress.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bqq {

struct Basis;
class Encoders;

/** How the M atoms of a basis lie.
 *
 * Free atoms have a direction each and are learned by alternation, in time that grows with M^2 d.
 * Tied atoms share principal directions, along which they are falling steps: each direction is
 * coded in bits of its own. They are learned in seconds, code faster, and their bases take K / M of
 * the memory, K <= d the number of directions. They lose where there are few bits a dimension:
 * docs/measurements.md.
 */
enum class Atoms { free, tied };

/** What training may cost and how it is seeded.
 *
 * AVX2 and AVX-512 learn the same bases to the bit. ARM and instruction sets without a fused
 * multiply-add (SSE4 and less) learn others: recall differed by -0.0033 to +0.0096, the spread of
 * seeds. A file gives the same codes and results to the bit on AVX2, AVX-512 and NEON; without a
 * fused multiply-add distances are within 2e-5 (relative), 2 of 10,000 labels differ.
 */
struct TrainingParameters {
    uint64_t seed = 1234; ///< same seed and data, same codes, whatever the number of threads
    size_t max_points_per_atom = 256; ///< a larger training set is sampled down to M times this
    /// Where train() chooses the number of bases: bytes of all bases for each byte of codes, in an
    /// index that holds as many vectors as the training set has. Of indexes of equal size the best
    /// had about 0.3 on Fashion-MNIST, anything up to 0.16 on sentence embeddings and 0.04 on
    /// GloVe; 0.15 loses about 0.01 of recall.
    double basis_share = 0.15;
    /// Of codes (given the basis) and basis (given the codes), at most; for free atoms.
    int rounds = 36;
    Progress progress; ///< told after each round
};

/// Mean squared distance of vectors to the nearest multiples of their reconstructions.
struct CodingError {
    double of_vectors;
    double of_training; ///< of the same bases' training vectors; NaN where a file does not tell
};

/** Codes vectors in M bits and one or three bytes of scales (embedding form of BQQ).
 *
 * A vector belongs to a list, and a list has a centre c and a basis B. The vector is coded as
 *
 *     x ~ c + scale alpha B^T s,   s in {-1,+1}^M,   B = sum_{b < depth} diag(rho_b) Z_b
 *
 * The signs s minimize |x - c - scale alpha B^T s|^2, a binary quadratic program that annealed
 * flips solve. The bases are learned on a sample; Z_b in {-1,+1}^{M x d} are binary matrices. See
 * Kuroki et al., "Binary Quadratic Quantization", NeurIPS 2025.
 *
 * Used alone, the quantizer has one list for each basis, the centre of which is the mean of its
 * training vectors, and encode() chooses the list. An inverted file brings its own lists.
 *
 * A code is (M + 7) / 8 bytes of bits (bit k at byte k / 8, position k % 8; 1 for s_k = +1), then
 * one byte of alpha and, for L2, two of the norm. It is a function of the vector alone, not of the
 * others in the call nor of the number of threads.
 *
 * Thread safety: const members may be called at the same time. Copies share what was learned.
 */
class BQQ_API Quantizer {
public:
    static constexpr size_t kMaxAtoms = 8192;
    static constexpr size_t kMaxBases = 256;
    static constexpr int kMaxDepth = 16;
    static constexpr int kDepthOfOne = 8;     ///< binary planes of one basis, unless given
    static constexpr int kDepthOfSeveral = 4; ///< and of each of several

    /** @param d      dimension of the vectors
     *  @param M      bits a vector, and atoms of a basis
     *  @param depth  binary planes of a basis; train() chooses without it
     *  @param bases  at most so many; train() chooses without it
     *  @param atoms  without it tied for more than 512 bits or at least four a dimension
     *  @throws InvalidArgument  for d = 0, M not in 1..kMaxAtoms, depth not in 1..kMaxDepth, bases
     * not in 1..kMaxBases
     */
    Quantizer(
            size_t d, size_t M, Metric metric, std::optional<int> depth = {},
            std::optional<size_t> bases = 1, std::optional<Atoms> atoms = {});

    size_t d() const { return d_; }
    size_t M() const { return M_; }
    Metric metric() const { return metric_; }
    std::optional<int> wanted_depth() const { return wanted_depth_; }
    std::optional<size_t> wanted_bases() const { return wanted_bases_; }
    std::optional<Atoms> wanted_atoms() const { return wanted_atoms_; }
    Atoms atoms() const;                              ///< those that train() learns
    size_t bits_size() const { return (M_ + 7) / 8; } ///< bytes of the bits of a code
    size_t code_size() const;                         ///< bytes of a code

    bool is_trained() const { return bases_ != nullptr; }
    size_t bases() const; ///< that were learned
    int depth() const;    ///< of each of them; 0 before training

    /** Learns bases and scales. With several, the vectors are clustered first, and a cluster of
     * fewer than 4 M vectors goes to its neighbours.
     *
     * Where the number of bases is left to it, there are as many as parameters.basis_share affords,
     * in the belief that as many vectors will be coded: train on all of them. At most a tenth of
     * them is then held out, and one basis is the choice where it finds more of their neighbours.
     *
     * Vectors that lie far from all others are left out, at most 1.5 % of them. Messages about them
     * and about sets that are too small go to parameters.progress.log.
     * @param x  training vectors, size n * d
     * @throws InvalidArgument  for n < M, a NaN or infinity (row and column named), or a
     * basis_share that is negative or not finite; the quantizer is then as it was
     */
    void train(std::span<const float> x, const TrainingParameters& parameters = {});

    /** Codes vectors in the best of the lists with the nearest centres.
     * @param x      vectors, size n * d
     * @param codes  output, size n * code_size()
     * @param lists  output, size n; may be empty where bases() is 1
     * @throws InvalidArgument  for a NaN or infinity (row and column named), or sizes that do not
     * fit
     * @throws Error            when not trained
     */
    void encode(std::span<const float> x, std::span<uint8_t> codes, std::span<uint32_t> lists = {})
            const;

    /** @param codes  size n * code_size()
     *  @param lists  size n; may be empty where bases() is 1
     *  @param x      output, size n * d
     *  @throws InvalidArgument  for a list that there is not, or sizes that do not fit
     *  @throws Error            when not trained
     */
    void decode(std::span<const uint8_t> codes, std::span<const uint32_t> lists, std::span<float> x)
            const;

    /** Tells whether vectors are still such as the bases were trained for. Vectors of the same
     * distribution have an error little above that of the training; where it is much larger, train
     * again.
     * @param x  size n * d, n > 0
     * @throws   as encode()
     */
    CodingError coding_error(std::span<const float> x) const;

    /// Of bases and encoder; codes are their owner's.
    MemoryBytes memory_bytes() const;
    /// Frees what encode() holds beyond the bases: some M * (M + d) floats for each. It is made
    /// again when it is needed. Not at the same time as other calls.
    void release_encoder();

    /// Whether both make the same codes.
    bool operator==(const Quantizer& other) const;

    // The rest is for the library itself: Basis is not a public type.

    const Basis& basis(size_t b) const;
    /// What coding needs of each basis, made when first asked for.
    Encoders& encoders() const { return *encoders_; }
    /** Takes over bases that were learned elsewhere, such as in a file.
     * @throws InvalidArgument  for none or more than wanted, for one of another form, and for sizes
     *                          or numbers that no basis has
     */
    void set_bases(std::vector<Basis> bases);

private:
    size_t d_;
    size_t M_;
    Metric metric_;
    std::optional<int> wanted_depth_;
    std::optional<size_t> wanted_bases_;
    std::optional<Atoms> wanted_atoms_;
    std::shared_ptr<const std::vector<Basis>> bases_; ///< nullptr before training
    std::shared_ptr<Encoders> encoders_;              ///< of bases_
};

} // namespace bqq
