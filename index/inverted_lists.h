#pragma once

#include "search/list_search.h"
#include "store/code_lists.h"

#include <bqq/index/IndexBQQ.h>
#include <faiss/invlists/InvertedLists.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace bqq {

/** Inverted lists whose codes are interleaved and whose ids are packed. Whoever reads them by
 * FAISS's interface gets copies, codes as rows and ids as numbers, so that all of FAISS works on
 * them.
 *
 * Different lists may be changed at the same time; lists in a mapped file cannot be changed.
 */
class InterleavedLists : public faiss::InvertedLists {
public:
    explicit InterleavedLists(CodeLists code_lists);

    const CodeLists& lists() const { return lists_; }
    /// @throws faiss::FaissException  for lists in a mapped file
    CodeLists& changed();

    size_t list_size(size_t list_no) const override { return lists_.size(list_no); }
    const uint8_t* get_codes(size_t list_no) const override;
    const idx_t* get_ids(size_t list_no) const override;
    void release_codes(size_t, const uint8_t* codes) const override { delete[] codes; }
    void release_ids(size_t, const idx_t* ids) const override { delete[] ids; }
    idx_t get_single_id(size_t list_no, size_t offset) const override {
        return lists_.id({list_no, offset});
    }
    const uint8_t* get_single_code(size_t list_no, size_t offset) const override;

    size_t add_entries(size_t list_no, size_t n, const idx_t* ids, const uint8_t* codes) override;
    void update_entries(
            size_t list_no, size_t offset, size_t n, const idx_t* ids,
            const uint8_t* codes) override;
    void resize(size_t list_no, size_t size) override;

private:
    CodeLists lists_;
};

/// The lists of any class, for a search.
std::unique_ptr<SearchedLists> searched_lists(const faiss::InvertedLists& lists);

/// An id of lists of any class.
idx_t id_in(const faiss::InvertedLists& lists, Place place);

/// A copy in memory of lists of any class.
CodeLists copy_lists(const faiss::InvertedLists& lists);

} // namespace bqq
