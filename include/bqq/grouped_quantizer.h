#pragma once

#include <bqq/binary_quadratic_quantizer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace bqq {

class RowSet;

/** Local bases: one quantizer for each group of vectors, and a group for each cluster of the training set.
 *
 * A cluster has principal directions of its own, so that the same number of bits goes further (the row blocks of
 * Kuroki et al., NeurIPS 2025, with clusters for blocks). A vector is coded in that of the nearest groups whose basis
 * suits it best.
 *
 * A code is that of the group's quantizer; where there may be more than one group, the number of the group stands
 * before it, in one byte. It is a function of the vector alone.
 *
 * A caller that tells the groups apart itself, such as an inverted file by its lists, trains them with
 * train_groups() and codes with encode_in() and decode_in(): these codes have no byte for the group.
 */
class GroupedQuantizer {
public:
    static constexpr size_t kMaxGroups = 256;
    static constexpr size_t kChooseGroups = 0; ///< for `groups`: train() chooses their number
    static constexpr int kChooseDepth = 0; ///< for `depth` beside kChooseGroups: train() chooses it
    /// of several bases; one has BinaryQuadraticQuantizer::kDefaultDepth
    static constexpr int kDefaultDepth = 4;
    /// A cluster of fewer vectors an atom has no basis of its own.
    static constexpr size_t kLeastPointsPerAtom = 4;

    size_t d = 0;  ///< dimension of the vectors
    size_t M = 0;  ///< bits, and atoms of each basis
    int depth = 0; ///< binary planes of each basis; where train() chooses, kDefaultDepth before
    Metric metric = Metric::l2;
    size_t wanted_groups = 1; ///< or kChooseGroups; groups() may be less: see train()
    int wanted_depth = 0;     ///< that of the constructor, which may be kChooseDepth
    size_t code_size = 0;     ///< bytes per vector, that of the group included
    bool is_trained = false;

    GroupedQuantizer() = default;

    /** @param groups  1 to kMaxGroups, or kChooseGroups
     *  @throws std::invalid_argument  as BinaryQuadraticQuantizer does, and for more groups
     */
    GroupedQuantizer(size_t d, size_t M, Metric metric, int depth, size_t groups);

    /** Clusters the vectors, then trains one quantizer for each cluster. A cluster of fewer than 4 M vectors goes to
     * its neighbours.
     *
     * Where the number of groups is kChooseGroups, there are as many as parameters.basis_share affords, in the belief
     * that n vectors will be coded: train on all of them.
     * @param x  training vectors, size n * d
     * @throws std::invalid_argument  when n < M, for a NaN or infinity (row and column named), or for a
     *                                basis_share that is negative or not finite; the quantizer is then as it was
     */
    void train(size_t n, const float* x, const TrainingParameters& parameters = {});

    /// Vectors to train a group on.
    struct Sample {
        std::vector<float> x;       ///< size n * d
        std::vector<float> centres; ///< size n * d: what they are coded from; empty for their mean
    };
    /// What train() makes of n vectors: how many bases at most, and of how many planes.
    struct Bases {
        size_t groups;
        int depth;
    };
    /// @throws std::invalid_argument  for a basis_share that is negative or not finite
    Bases choose_bases(size_t n, const TrainingParameters& parameters) const;

    /** Trains one quantizer for each group.
     * @param bases   how many, and their planes: those of choose_bases(), or fewer
     * @param sample  (g) -> vectors of group g; asked for one group at a time
     * @throws std::invalid_argument  as train() does
     */
    void train_groups(
            Bases bases, const std::function<Sample(size_t g)>& sample,
            const TrainingParameters& parameters = {});

    size_t groups() const { return groups_.size(); }
    /// Before training there is one group, which is not trained.
    const BinaryQuadraticQuantizer& group(size_t g) const { return groups_[g]; }

    /// The group whose mean is nearest to each of n vectors. @param groups  output, size n
    void assign(size_t n, const float* x, uint32_t* groups) const;

    /** @param x      vectors, size n * d
     *  @param codes  output, size n * code_size
     *  @throws std::invalid_argument  for a NaN or infinity (row and column named)
     *  @throws std::logic_error       when not trained
     */
    void compute_codes(const float* x, uint8_t* codes, size_t n) const;

    /** @param codes  size n * code_size
     *  @param x      output, size n * d
     *  @throws std::logic_error       when not trained
     *  @throws std::invalid_argument  for a group that there is not
     */
    void decode(const uint8_t* codes, float* x, size_t n) const;

    /** Codes of vectors whose groups are given.
     * @param x        vectors, size n * d
     * @param groups   group of each vector, below groups(); size n
     * @param codes    output, size n * bare_code_size()
     * @param centres, errors, and what is thrown  as for BinaryQuadraticQuantizer::compute_codes
     */
    void encode_in(
            const uint32_t* groups, const float* x, uint8_t* codes, size_t n,
            const float* centres = nullptr, double* errors = nullptr) const;

    /// Decodes codes of encode_in(). @param x  output, size n * d
    void decode_in(
            const uint32_t* groups, const uint8_t* codes, float* x, size_t n,
            const float* centres = nullptr) const;

    /// bytes before a code of a group's quantizer: 0 or 1
    size_t group_bytes() const { return wanted_groups == 1 ? 0 : 1; }
    /// bytes of a code without them
    size_t bare_code_size() const { return code_size - group_bytes(); }

    /// Whether both make the same codes.
    bool operator==(const GroupedQuantizer& other) const;

    /** Takes over what was learned elsewhere, such as in a file.
     * @param groups  at least one, at most wanted_groups (kMaxGroups for kChooseGroups): trained, with this d, M and
     *                metric, and of one depth
     * @throws std::invalid_argument  for others
     */
    void set_trained(std::vector<BinaryQuadraticQuantizer> groups);

private:
    std::vector<BinaryQuadraticQuantizer> groups_;
    std::shared_ptr<const RowSet> means_;
};

} // namespace bqq
