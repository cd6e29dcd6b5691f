#include "kinds.h"

#include <algorithm>
#include <cstdlib>
#include <regex>

namespace bqq::test {

namespace {

/** FAISS's indexes, whose behaviour is the yardstick: one for each class of index that ours are or
 * are put into. np: without the training for Hamming distances, which is slow. Not PQ8x4fs:
 * in 1.7.3 it ends the process when it is added to after a reset or a merge.
 */
const std::vector<std::string> kFaissFactories = {
        "PQ8np",           "IDMap2,PQ8np",      "PQ8np,RFlat", "HNSW16,SQ8",
        "IVF16,PQ8np",     "IVF16,PQ8x4fs",     "IVF16,SQ8",   "PCA16,IVF16,PQ8np",
        "IVF16,SQ8,RFlat", "IVF16_HNSW8,PQ8np",
};

const std::vector<std::string> kBqqFactories = {
        "BQQ64",
        "BQQ64g3",
        "IDMap2,BQQ64g3",
        "HNSW16,BQQ64g3",
        "IDMap2,BQQ64",
        "BQQ64,RFlat",
        "HNSW16,BQQ64",
        "IVF16,BQQ64",
        "IVF16,BQQ64g3",
        "PCA16,IVF16,BQQ64",
        "IVF16,BQQ64,RFlat",
        "IVF16,BQQ64,Refine(SQ8)",
        "IVF16_HNSW8,BQQ64",
        "IVF16(IVF4,Flat),BQQ64",
};

constexpr int kFaissVersion =
        FAISS_VERSION_MAJOR * 10000 + FAISS_VERSION_MINOR * 100 + FAISS_VERSION_PATCH;
constexpr int kNever = 1000000;

/// What the call does that a kind does not support.
enum class Instead {
    throws,  ///< FaissException
    differs, ///< something else, which is not tested
};

/// Whose kinds a gap is in.
enum class Whose { faiss, ours, both };

/// A feature that the kinds with these factory strings lack.
struct Gap {
    Feature feature;
    Whose whose;
    const char* factories; ///< regular expression
    Instead instead;
    int until; ///< first version of FAISS that has the feature
    const char* reason;
};

// clang-format off
const std::vector<Gap> kGaps = {
    {Feature::is_inverted_file, Whose::both, "(IDMap2,)?(PQ|BQQ|HNSW).*", Instead::differs, kNever,
     "not an inverted file"},
    {Feature::is_inverted_file, Whose::both, "PCA.*|.*RFlat|.*Refine.*", Instead::differs, kNever,
     "the inverted file is inside a wrapper, which hands through what the other suites test"},
    {Feature::probes, Whose::both, "(IDMap2,)?(PQ|BQQ|HNSW).*|.*RFlat|.*Refine.*", Instead::differs, kNever,
     "no inverted file, or inside a refinement"},
    {Feature::add, Whose::both, "IDMap2.*", Instead::throws, kNever,
     "an id map has no ids of its own"},
    {Feature::untrained_copy, Whose::faiss, "(PCA16,)?IVF.*", Instead::differs, kNever,
     "FAISS writes nothing of how an inverted file is to be trained; seen with 1.7.3"},
    {Feature::untrained_copy, Whose::ours, "IVF16\\(IVF4,Flat\\).*", Instead::differs, kNever,
     "the coarse quantizer is an inverted file of FAISS's"},
    {Feature::worst_distance, Whose::faiss, "IVF.*4fs", Instead::differs, kNever,
     "seen with 1.7.3 and 1.15: where an IndexIVFFastScan finds nothing it returns other distances"},
    {Feature::merge, Whose::faiss, "IVF.*4fs", Instead::differs, kNever,
     "seen with 1.15: an IndexIVFFastScan that was merged from does not take vectors again, and the process ends"},
    {Feature::codec, Whose::both, ".*RFlat|.*Refine.*", Instead::differs, 10800,
     "IndexRefine::sa_decode of 1.7.3 reads the refinement's code from the place of the base index's"},
    {Feature::add_with_ids, Whose::both, "(PQ|BQQ|HNSW).*|.*RFlat|.*Refine.*", Instead::throws, kNever,
     "ids are positions"},
    {Feature::selectors, Whose::faiss, "PQ8.*|IDMap2,PQ8np", Instead::throws, kNever,
     "IndexPQ and IndexPQFastScan refuse a selector"},
    {Feature::selectors, Whose::faiss, ".*4fs", Instead::throws, 10800,
     "fast-scan indexes take no parameters before 1.8"},
    {Feature::selectors, Whose::both, "IDMap2.*", Instead::throws, 10704,
     "IndexIDMap takes no parameters before 1.7.4"},
    {Feature::selectors, Whose::both, ".*RFlat|.*Refine.*", Instead::throws, kNever,
     "IndexRefine takes no parameters (1.7.3), or IndexRefineSearchParameters"},
    {Feature::search_parameters, Whose::both, ".*RFlat", Instead::throws, kNever,
     "IndexRefine takes no parameters (1.7.3), or IndexRefineSearchParameters"},
    {Feature::search_parameters, Whose::faiss, ".*4fs", Instead::throws, 10800,
     "fast-scan indexes take no parameters before 1.8"},
    {Feature::training_is_checked, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes search an untrained quantizer without results"},
    {Feature::training_is_checked, Whose::faiss, "IVF.*PQ8np|IVF.*SQ8", Instead::differs, kNever,
     "IndexIVF searches a quantizer without centroids"},
    {Feature::training_is_checked, Whose::both, "HNSW.*", Instead::differs, kNever,
     "IndexHNSW searches the empty graph"},
    {Feature::zero_probes_are_checked, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan reads nprobe unchecked before 1.8, and throws inside an OpenMP region in 1.15"},
    {Feature::too_many_probes, Whose::faiss, ".*4fs", Instead::differs, 10800,
     "IndexIVFFastScan reads nprobe unchecked before 1.8"},
    {Feature::max_codes, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan ignores max_codes before 1.15"},
    {Feature::parallel_modes, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan has implem instead"},
    {Feature::preassigned, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan has no scanner in 1.7.3 and no store_pairs later"},
    {Feature::remove_ids, Whose::both, ".*RFlat|.*Refine.*|HNSW.*", Instead::throws, kNever,
     "IndexRefine and IndexHNSW cannot remove"},
    {Feature::remove_ids, Whose::faiss, "IVF.*4fs", Instead::differs, 10800,
     "BlockInvertedLists throws inside an OpenMP region before 1.8, which ends the process"},
    {Feature::merge, Whose::both, ".*RFlat|.*Refine.*|HNSW.*", Instead::throws, kNever,
     "IndexRefine and IndexHNSW cannot merge"},
    {Feature::merge_empties_the_other, Whose::both, "PCA.*", Instead::differs, kNever,
     "IndexPreTransform empties the index inside and keeps its own ntotal"},
    {Feature::merge_checks_training, Whose::faiss, "(IDMap2,)?PQ8.*", Instead::differs, kNever,
     "IndexFlatCodes and IndexFastScan compare sizes alone"},
    {Feature::range_search, Whose::faiss, "PQ8.*|IDMap2,PQ8np|.*4fs", Instead::throws, 10800,
     "IndexPQ and the fast-scan indexes of 1.7.3 have none"},
    {Feature::range_search, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes round distances to the look-up table's bytes"},
    {Feature::range_search, Whose::both, ".*RFlat|.*Refine.*|HNSW.*", Instead::throws, 10800,
     "IndexRefine and IndexHNSW of 1.7.3 have none"},
    {Feature::range_search, Whose::both, ".*RFlat|.*Refine.*|HNSW.*", Instead::differs, kNever,
     "in 1.15 they search by candidates, which need not be all within the radius"},
    {Feature::reconstruct, Whose::both, "(IVF|PCA)(?!.*(RFlat|Refine)).*", Instead::throws, kNever,
     "an inverted file needs a direct map"},
    {Feature::reconstruct_checks_ids, Whose::both, ".*RFlat|.*Refine.*", Instead::differs, kNever,
     "IndexFlat reads what is not there"},
    {Feature::reconstruct_n, Whose::both, "IDMap2.*|HNSW.*", Instead::differs, kNever,
     "IndexIDMap and IndexHNSW have the default, which throws inside an OpenMP region"},
    {Feature::reconstruct_n, Whose::faiss, "IVF.*4fs", Instead::differs, kNever,
     "an IndexIVFFastScan that was read from a file ends the process in 1.15"},
    {Feature::direct_map, Whose::faiss, "IVF.*4fs", Instead::differs, kNever,
     "reconstruct_from_offset of IndexIVFFastScan reads codes in another order (1.7.3)"},
    {Feature::search_and_reconstruct, Whose::faiss, "IVF.*4fs", Instead::differs, kNever,
     "IndexIVFFastScan has no scanner that stores pairs"},
    {Feature::codec, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes encode in later versions alone, IndexIVFFastScan without list numbers"},
    {Feature::codec, Whose::both, "IDMap2.*", Instead::throws, kNever,
     "IndexIDMap has no codec, in 1.7.3 and in 1.15"},
    {Feature::class_of_parameters, Whose::both, "HNSW.*", Instead::differs, kNever,
     "IndexHNSW of 1.15 takes parameters of any class"},
    {Feature::range_parameters_class, Whose::faiss, "PQ8.*|IDMap2,PQ8np", Instead::differs, kNever,
     "IndexFlatCodes of 1.15 takes parameters of any class when it searches by range"},
    {Feature::codec, Whose::both, "HNSW.*", Instead::throws, kNever,
     "IndexHNSW has no codec"},
    {Feature::decoded_distances, Whose::ours, ".*BQQ64(g3)?", Instead::differs, kNever,
     "IndexBQQ corrects distances for the error of the codes"},
    {Feature::decoded_distances, Whose::faiss, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes round the look-up table to bytes"},
    {Feature::decoded_distances, Whose::both, "PCA.*", Instead::differs, kNever,
     "distances are those of the projections"},
    {Feature::selectors, Whose::faiss, "HNSW.*", Instead::differs, kNever,
     "IndexHNSW with parameters does not find all members of a selector, whatever efSearch is"},
    {Feature::maps_lists, Whose::both, "(IDMap2,)?(PQ|BQQ|HNSW).*", Instead::differs, kNever,
     "there are no inverted lists: the index is read into memory"},
    {Feature::map, Whose::faiss, ".*", Instead::differs, kNever,
     "not stated: faiss::read_index decides what it maps"},
    {Feature::truncates_lists, Whose::faiss, ".*", Instead::differs, 10800,
     "IndexIVF scans a list to its end before 1.8"},
    {Feature::prefix_of_larger_k, Whose::both, ".*RFlat|.*Refine.*", Instead::differs, kNever,
     "IndexRefine re-ranks k candidates, others for another k"},
};
// clang-format on

const Gap* gap(const Kind& kind, Feature feature) {
    for (const Gap& gap : kGaps) {
        const bool concerns =
                gap.whose == Whose::both || (gap.whose == Whose::ours) == kind.is_ours();
        if (gap.feature == feature && concerns && kFaissVersion < gap.until &&
            std::regex_match(kind.factory, std::regex(gap.factories)))
            return &gap;
    }
    return nullptr;
}

std::vector<Kind> kinds() {
    std::vector<Kind> kinds;
    for (const std::vector<std::string>& factories : {kFaissFactories, kBqqFactories})
        for (const std::string& factory : factories)
            for (const auto metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT})
                // Under inner products IndexHNSW's graph, FAISS's too, does not lead to all
                // vectors, and where it leads depends on how threads built it.
                if (const Kind kind{factory, metric};
                    !kind.is_graph() || metric == faiss::METRIC_L2)
                    kinds.push_back(kind);
    return kinds;
}

} // namespace

double Kind::largest_error() const {
    // Half the dimensions are lost, with a sixth of the variance.
    return has("PCA") ? 0.65 : 0.5;
}

std::vector<Kind> kinds_with(std::initializer_list<Feature> features) {
    static const bool gaps_alone = std::getenv("BQQ_CONFORMANCE_GAPS") != nullptr;
    std::vector<Kind> result;
    for (const Kind& kind : kinds()) {
        const bool has_all = std::none_of(features.begin(), features.end(), [&](Feature feature) {
            return gap(kind, feature) != nullptr;
        });
        if (has_all != gaps_alone) result.push_back(kind);
    }
    return result;
}

std::vector<Kind> kinds_that_refuse(Feature feature) {
    std::vector<Kind> result;
    for (const Kind& kind : kinds()) {
        const Gap* found = gap(kind, feature);
        if (found != nullptr && found->instead == Instead::throws) result.push_back(kind);
    }
    return result;
}

} // namespace bqq::test
