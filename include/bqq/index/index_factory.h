#pragma once

#include <faiss/Index.h>

#include <memory>
#include <string>

namespace bqq {

/** Builds an index from a description, as faiss::index_factory does, and knows the BQQ codes as
 * well:
 *
 *     BQQ{M}          M bits a vector (M >= 1)
 *     BQQ{p}x{l}      p planes of l atoms: M = p * l bits
 *     BQQ...z{depth}  basis of `depth` binary planes, 1 to 16 (default 8, with several 4)
 *     BQQ...g{G}      G local bases, 2 to 256: of clusters of vectors, in an inverted file of its
 * lists BQQ...g         as many as the training set affords (TrainingParameters::basis_share), and
 * a depth to suit
 *
 * in every place where FAISS takes a flat code: "BQQ256", "PCA128,BQQ128", "IDMap2,BQQ4x64z4",
 * "BQQ256,RFlat", "IVF1024,BQQ256", "IVF1024,BQQ128z3g16", "IVF1024_HNSW32,BQQ256",
 * "OPQ16_64,IVF1024,BQQ128,Refine(SQ8)", "HNSW32,BQQ256". A description without a BQQ code is
 * handed to FAISS.
 *
 * "IDMap,IVF1024,BQQ256" is the inverted file itself, since it keeps ids: FAISS's IndexIDMap loses
 * track of them where vectors are removed. With "IDMap2," it has a hash table of them in addition,
 * and so reconstructs by id.
 *
 * @param d            dimension of the vectors
 * @param description  at most 1,000 characters; HNSW of 2 to 1,024 neighbours
 * @param metric       METRIC_L2 or METRIC_INNER_PRODUCT
 * @return             the untrained index
 * @throws faiss::FaissException  for a description that cannot be read (the message names it)
 */
std::unique_ptr<faiss::Index> index_factory(
        int d, const std::string& description, faiss::MetricType metric = faiss::METRIC_L2);

/** The description that index_factory builds such an index from.
 * @throws faiss::FaissException  when there is none, such as for IndexShards
 */
std::string reverse_index_factory(const faiss::Index* index);

} // namespace bqq
