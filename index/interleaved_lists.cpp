#include "index/interleaved_lists.h"

namespace bqq {

InterleavedLists::InterleavedLists(size_t nlist_, size_t code_size_)
        : InterleavedReader(nlist_, code_size_), lists_(nlist_, {CodeBlocks(code_size_), {}}) {}

size_t InterleavedLists::add_entries(
        size_t list_no, size_t n, const idx_t* ids, const uint8_t* codes) {
    List& list = lists_[list_no];
    const size_t before = list.codes.size();
    list.codes.add(n, codes);
    try {
        list.ids.add(n, ids);
    } catch (...) {
        list.codes.truncate(before);
        list.ids.resize(before);
        throw;
    }
    return before;
}

void InterleavedLists::update_entries(
        size_t list_no, size_t offset, size_t n, const idx_t* ids, const uint8_t* codes) {
    List& list = lists_[list_no];
    for (size_t i = 0; i < n; ++i) {
        list.ids.set(offset + i, ids[i]);
        list.codes.set(offset + i, codes + i * code_size);
    }
}

void InterleavedLists::resize(size_t list_no, size_t size) {
    List& list = lists_[list_no];
    const size_t before = list.codes.size();
    if (size > before) {
        const std::vector<uint8_t> zeros((size - before) * code_size);
        list.codes.add(size - before, zeros.data());
    }
    list.codes.truncate(size);
    list.ids.resize(size);
}

InterleavedLists::Bytes InterleavedLists::assign(size_t list_no, size_t size, unsigned id_width) {
    List& list = lists_[list_no];
    return {list.codes.assign(size), list.ids.assign(size, id_width)};
}

} // namespace bqq
