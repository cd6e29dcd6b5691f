#pragma once

#include <bqq/export.h>
#include <faiss/Index.h>

#include <memory>
#include <string>

namespace bqq {

/** Builds an index from a description. Knows BQQ codes in addition to what faiss::index_factory
 * knows:
 *
 *     BQQ{M}          M bits a vector (M >= 1)
 *     BQQ{p}x{l}      p planes of l atoms: M = p * l bits
 *     BQQ...z{depth}  bases of `depth` binary planes, 1 to 16 (default: 8, of several bases 4)
 *     BQQ...t, ...f   tied or free atoms (default: tied for more than 512 bits or at least 4 a
 *                     dimension): bqq::Atoms
 *     BQQ...g{G}      G local bases, 2 to 256: one for each cluster of vectors, in an inverted file
 *                     for each cluster of lists
 *     BQQ...g         train() chooses the number of bases and their depth by the size of the
 *                     training set (TrainingParameters::basis_share)
 *
 * A code stands where FAISS takes "Flat": "BQQ256", "PCA128,BQQ128", "IDMap2,BQQ4x64z4",
 * "BQQ256,RFlat", "IVF1024,BQQ256", "IVF1024,BQQ128z3g16", "IVF1024_HNSW32,BQQ256",
 * "OPQ16_64,IVF1024,BQQ128,Refine(SQ8)", "HNSW32,BQQ256". A refinement may be a longer code,
 * "IVF1024,BQQ128,Refine(BQQ1024)". A description without a BQQ code is handed to FAISS.
 *
 * "IDMap,IVF1024,BQQ256" gives the inverted file itself, which keeps ids (add_with_ids): IndexIDMap
 * over an inverted file gives wrong ids once vectors are removed. "IDMap2,..." adds the hash table
 * that reconstruct() by id needs (set_direct_map_type).
 *
 * @param d            dimension of the vectors
 * @param description  at most 1,000 characters; HNSW2 to HNSW1024
 * @param metric       METRIC_L2 or METRIC_INNER_PRODUCT
 * @return             the untrained index
 * @throws faiss::FaissException  for a description that cannot be read; the message names the part
 */
BQQ_API std::unique_ptr<faiss::Index> index_factory(
        int d, const std::string& description, faiss::MetricType metric = faiss::METRIC_L2);

/** The description from which index_factory builds an index like this one.
 * @throws faiss::FaissException  if there is none, such as for IndexShards
 */
BQQ_API std::string reverse_index_factory(const faiss::Index* index);

} // namespace bqq
