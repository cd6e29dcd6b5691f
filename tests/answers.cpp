// Prints digests of codes, results and matrices that must be the same on every machine whose
// instruction set has a fused multiply-add: tests/aarch64.sh compares two.
#include "coded_matrix.h"
#include "golden/data.h"
#include "search_results.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_io.h>
#include <xxhash.h>

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace bqq::test::golden;
using bqq::test::CodedMatrix;
using bqq::test::Results;

/// Of arrays, one after the other.
class Digest {
public:
    template <class T>
    Digest& add(const std::vector<T>& values) {
        digest_ = XXH3_64bits_withSeed(values.data(), values.size() * sizeof(T), digest_);
        return *this;
    }
    Digest& add(const Results& results) { return add(results.labels).add(results.distances); }
    void print(const std::string& what) const {
        std::printf("%-40s %016" PRIx64 "\n", what.c_str(), digest_);
    }

private:
    uint64_t digest_ = 0;
};

void print_matrix(const char* name, bqq::MatrixSolver solver) {
    const CodedMatrix coded(solver);
    Digest digest;
    for (const bqq::MatrixBlock& block : coded.blocks)
        for (const bqq::MatrixPlane& plane : block.planes)
            digest.add(std::vector<float>{plane.r, plane.s, plane.t, block.u})
                    .add(plane.Y)
                    .add(plane.Z);
    digest.print(std::string("matrix, ") + name);
    digest.add(coded.products).add(coded.transposed).print(std::string("products, ") + name);
}

} // namespace

int main() {
    print_matrix("flips", bqq::MatrixSolver::flips);
    print_matrix("amfd", bqq::MatrixSolver::amfd);

    std::set<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(BQQ_SOURCE_DIR "/tests/golden/version_8"))
        if (entry.path().extension() == ".bqq") files.insert(entry.path());
    for (const auto& path : files) {
        // FAISS's parts, such as PCA, graphs and refinements, round as FAISS does.
        const std::string name = path.stem();
        if (!name.starts_with("BQQ") && !name.starts_with("IVF4_BQQ")) continue;
        const auto index = bqq::read_index(path);
        const bool is_ours = dynamic_cast<const bqq::IndexBQQ*>(index.get()) != nullptr ||
                             dynamic_cast<const bqq::IndexIVFBQQ*>(index.get()) != nullptr;
        if (!is_ours || index->ntotal == 0) continue;
        const std::vector<float> x = numbers(kVectors * kDimension, 3);
        Digest().add(bqq::test::search(*index, x, kK)).print("results, " + name);
        std::vector<uint8_t> codes(kVectors * index->sa_code_size());
        index->sa_encode(kVectors, x.data(), codes.data());
        Digest().add(codes).print("codes, " + name);
        std::vector<float> decoded(x.size());
        index->sa_decode(kVectors, codes.data(), decoded.data());
        Digest().add(decoded).print("decoded, " + name);
    }
}
