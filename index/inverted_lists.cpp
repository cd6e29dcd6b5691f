#include "index/inverted_lists.h"

#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bqq {

InterleavedLists::InterleavedLists(CodeLists code_lists)
        : faiss::InvertedLists(code_lists.nlist(), code_lists.code_size()),
          lists_(std::move(code_lists)) {}

CodeLists& InterleavedLists::changed() {
    FAISS_THROW_IF_NOT_MSG(
            !lists_.is_mapped(), "BQQ: inverted lists in a mapped file are read-only");
    return lists_;
}

const uint8_t* InterleavedLists::get_codes(size_t list_no) const {
    const kernels::InterleavedCodes from = lists_.codes(list_no);
    auto rows = std::make_unique<uint8_t[]>(from.size * from.code_size);
    copy_codes(from, 0, from.size, rows.get());
    return rows.release();
}

const idx_t* InterleavedLists::get_ids(size_t list_no) const {
    const PackedIdsView from = lists_.ids(list_no);
    auto copy = std::make_unique<idx_t[]>(from.size);
    for (size_t i = 0; i < from.size; ++i) copy[i] = from[i];
    return copy.release();
}

const uint8_t* InterleavedLists::get_single_code(size_t list_no, size_t offset) const {
    auto code = std::make_unique<uint8_t[]>(code_size);
    copy_code(lists_.codes(list_no), offset, code.get());
    return code.release();
}

size_t InterleavedLists::add_entries(
        size_t list_no, size_t n, const idx_t* ids, const uint8_t* codes) {
    return changed().append(list_no, n, codes, {ids, n});
}

void InterleavedLists::update_entries(
        size_t list_no, size_t offset, size_t n, const idx_t* ids, const uint8_t* codes) {
    for (size_t i = 0; i < n; ++i)
        changed().set({list_no, offset + i}, codes + i * code_size, ids[i]);
}

void InterleavedLists::resize(size_t list_no, size_t size) {
    changed().resize(list_no, size);
}

namespace {

/// Interleaves a list of rows whenever it is scanned.
class SearchedRows : public SearchedLists {
public:
    explicit SearchedRows(const faiss::InvertedLists& lists) : lists_(lists) {}
    size_t size(size_t list) const override { return lists_.list_size(list); }
    kernels::InterleavedCodes codes(size_t list, std::vector<uint8_t>& buffer) const override {
        const size_t n = lists_.list_size(list);
        const size_t code_size = lists_.code_size;
        faiss::InvertedLists::ScopedCodes rows(&lists_, list);
        buffer.resize(n * code_size + kernels::kSlack);
        const kernels::InterleavedCodes codes{buffer.data(), n, code_size};
        for (size_t i = 0; i < n; ++i) {
            const size_t block = i / kernels::kBlock;
            const size_t width = codes.width(block);
            uint8_t* to = buffer.data() + block * kernels::kBlock * code_size + i % kernels::kBlock;
            const uint8_t* row = rows.get() + i * code_size;
            for (size_t j = 0; j < code_size; ++j) to[j * width] = row[j];
        }
        return codes;
    }

private:
    const faiss::InvertedLists& lists_;
};

} // namespace

std::unique_ptr<SearchedLists> searched_lists(const faiss::InvertedLists& lists) {
    if (const auto* ours = dynamic_cast<const InterleavedLists*>(&lists))
        return std::make_unique<SearchedCodeLists>(ours->lists());
    return std::make_unique<SearchedRows>(lists);
}

idx_t id_in(const faiss::InvertedLists& lists, Place place) {
    if (const auto* ours = dynamic_cast<const InterleavedLists*>(&lists))
        return ours->lists().id(place);
    // On-disk lists put ids after the codes, wherever these end: they need not be aligned.
    faiss::InvertedLists::ScopedIds ids(&lists, place.list);
    idx_t id = 0;
    std::memcpy(
            &id, reinterpret_cast<const char*>(ids.get()) + place.position * sizeof id, sizeof id);
    return id;
}

CodeLists copy_lists(const faiss::InvertedLists& lists) {
    const auto* ours = dynamic_cast<const InterleavedLists*>(&lists);
    if (ours != nullptr && !ours->lists().is_mapped()) return ours->lists();
    CodeLists copy(lists.nlist, lists.code_size, CodeLists::Ids::stored);
    for (size_t list = 0; list < lists.nlist; ++list) {
        const size_t n = lists.list_size(list);
        faiss::InvertedLists::ScopedCodes codes(&lists, list);
        std::vector<idx_t> ids(n);
        for (size_t i = 0; i < n; ++i) ids[i] = id_in(lists, {list, i});
        (void)copy.append(list, n, codes.get(), ids);
    }
    return copy;
}

} // namespace bqq
