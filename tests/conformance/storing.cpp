// Copies of an index, through a file or not, are the index.
#include "conformance.h"
#include "temporary_folder.h"

#include <faiss/impl/IDSelector.h>
#include <faiss/index_io.h>

namespace {

using namespace bqq::test;

BQQ_CONFORMANCE_SUITE(Storing, kinds_with({Feature::write}));
BQQ_CONFORMANCE_SUITE(StoringUntrained, kinds_with({Feature::write, Feature::untrained_copy}));
BQQ_CONFORMANCE_SUITE(Mapping, kinds_with({Feature::write, Feature::map}));
BQQ_CONFORMANCE_SUITE(
        MappingLists, kinds_with({Feature::write, Feature::map, Feature::maps_lists}));

std::unique_ptr<faiss::Index> through_a_file(const faiss::Index& index, int io_flags) {
    const TemporaryFolder folder; // a mapped file may be removed
    const std::string path = folder.path() / "index";
    bqq::write_index(&index, path);
    return std::unique_ptr<faiss::Index>(bqq::read_index(path, io_flags));
}

std::unique_ptr<faiss::Index> read_back(const faiss::Index& index) {
    return through_a_file(index, 0);
}

std::unique_ptr<faiss::Index> mapped(const faiss::Index& index) {
    return through_a_file(index, faiss::IO_FLAG_MMAP);
}

std::unique_ptr<faiss::Index> through_memory(const faiss::Index& index) {
    return from_bytes<faiss::Index>(to_bytes(index));
}

std::unique_ptr<faiss::Index> cloned(const faiss::Index& index) {
    return std::unique_ptr<faiss::Index>(bqq::clone_index(&index));
}

/// All ways to copy an index that can be changed.
const std::vector<std::unique_ptr<faiss::Index> (*)(const faiss::Index&)> kCopies = {
        read_back, through_memory, cloned};

TEST_P(Storing, ACopyOfATrainedAndFilledIndexIsTheIndex) {
    // Not one that was itself read.
    const auto index = untrained();
    index->train(kVectors, base().data());
    make_exhaustive(index.get());
    add_base(*index, 0, kVectors);
    for (const auto copy : kCopies) {
        const auto again = copy(*index);
        EXPECT_EQ(again->d, index->d);
        EXPECT_EQ(again->metric_type, index->metric_type);
        EXPECT_TRUE(again->is_trained);
        expect_same_search(*again, *index);
    }
}

TEST_P(Mapping, AMappedFileIsTheIndex) {
    expect_filled(*mapped(*filled()));
    EXPECT_EQ(mapped(*trained())->ntotal, 0);
}

TEST_P(Mapping, AMappedFileOutlivesItsName) {
    const auto original = filled();
    const auto index = mapped(*original);
    expect_filled(*cloned(*index));
    EXPECT_EQ(to_bytes(*index), to_bytes(*original));
}

TEST_P(MappingLists, ChangesAreRefused) {
    const auto index = mapped(*filled());
    expect_refused([&] { add_base(*index, 0, 3); });
    expect_filled(*index);
    if (GetParam().has("Refine") || GetParam().has("RFlat")) return; // they remove from no index
    expect_refused([&] { index->remove_ids(faiss::IDSelectorRange(0, 3)); });
    const auto other = filled();
    expect_refused([&] { index->merge_from(*other, kVectors); });
    expect_filled(*other);
    expect_filled(*index);
}

TEST_P(Storing, ACopyIsIndependent) {
    const auto index = filled();
    for (const auto copy : kCopies) {
        const auto again = copy(*index);
        again->reset();
        EXPECT_EQ(again->ntotal, 0);
        expect_filled(*index);
        add_base(*again, 0, kVectors);
        expect_filled(*again);
    }
}

TEST_P(Storing, ACopyOfAPartlyFilledIndexCanBeFilled) {
    for (const auto copy : kCopies) {
        const auto again = copy(*filled(0, 700));
        EXPECT_EQ(again->ntotal, 700);
        add_base(*again, 700, kVectors);
        expect_filled(*again);
    }
}

TEST_P(StoringUntrained, ACopyCanBeTrained) {
    for (const auto copy : kCopies) {
        const auto again = copy(*untrained());
        EXPECT_FALSE(again->is_trained);
        EXPECT_EQ(again->ntotal, 0);
        again->train(kVectors, base().data());
        make_exhaustive(again.get());
        add_base(*again, 0, kVectors);
        expect_filled(*again);
    }
}

TEST_P(Storing, ACopyOfACopyHasTheSameBytes) {
    const auto index = filled();
    const std::string bytes = to_bytes(*through_memory(*index));
    EXPECT_EQ(to_bytes(*from_bytes<faiss::Index>(bytes)), bytes);
}

} // namespace
