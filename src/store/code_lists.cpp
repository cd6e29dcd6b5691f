#include "store/code_lists.h"

#include <algorithm>
#include <utility>

namespace bqq {

CodeLists::CodeLists(size_t nlist, size_t code_size, Ids ids)
        : code_size_(code_size),
          ids_(ids),
          lists_(nlist, List{CodeBlocks(code_size), {}}),
          order_(ids == Ids::positional ? nlist : 1) {}

size_t CodeLists::codes_bytes() const {
    size_t bytes = lists_.capacity() * sizeof(List);
    for (const List& list : lists_) bytes += list.codes.memory_bytes();
    return bytes;
}

size_t CodeLists::ids_bytes() const {
    size_t bytes = order_.memory_bytes();
    for (const List& list : lists_) bytes += list.ids.memory_bytes();
    return bytes;
}

void CodeLists::reserve(size_t n) {
    if (nlist() == 1)
        lists_.front().codes.reserve(n);
    else
        order_.reserve(n);
}

void CodeLists::append(size_t n, const uint8_t* codes, std::span<const uint32_t> lists) {
    if (nlist() == 1) {
        lists_.front().codes.add(n, codes);
        return;
    }
    // All that can fail comes first.
    std::vector<std::vector<uint8_t>> parts(nlist());
    for (size_t i = 0; i < n; ++i) {
        std::vector<uint8_t>& part = parts[lists[i]];
        part.insert(part.end(), codes + i * code_size_, codes + (i + 1) * code_size_);
    }
    order_.reserve(order_.size() + n);
    for (size_t l = 0; l < nlist(); ++l)
        lists_[l].codes.reserve(size(l) + parts[l].size() / code_size_);
    for (size_t l = 0; l < nlist(); ++l)
        lists_[l].codes.add(parts[l].size() / code_size_, parts[l].data());
    for (size_t i = 0; i < n; ++i) order_.add(static_cast<uint8_t>(lists[i]));
}

void CodeLists::append(const CodeLists& other) {
    order_.reserve(order_.size() + other.order_.size());
    for (size_t l = 0; l < nlist(); ++l) lists_[l].codes.reserve(size(l) + other.size(l));
    for (size_t l = 0; l < nlist(); ++l) lists_[l].codes.add(other.codes(l));
    for (size_t i = 0; i < other.order_.size(); ++i)
        order_.add(static_cast<uint8_t>(other.order_.list(i)));
}

void CodeLists::truncate(size_t n) {
    if (n >= size()) return;
    if (nlist() == 1) {
        lists_.front().codes.truncate(n);
        return;
    }
    for (size_t l = 0; l < nlist(); ++l) lists_[l].codes.truncate(order_.rank(l, n));
    order_.truncate(n);
}

void CodeLists::remove(const std::vector<bool>& removed) {
    ListOrder order(nlist());
    if (nlist() > 1) order.reserve(size());
    std::vector<size_t> read(nlist()), kept(nlist());
    for (size_t i = 0; i < removed.size(); ++i) {
        const size_t list = nlist() == 1 ? 0 : order_.list(i);
        const size_t from = read[list]++;
        if (removed[i]) continue;
        lists_[list].codes.move(from, kept[list]++);
        if (nlist() > 1) order.add(static_cast<uint8_t>(list));
    }
    for (size_t l = 0; l < nlist(); ++l) lists_[l].codes.truncate(kept[l]);
    order_ = std::move(order);
}

void CodeLists::get(size_t i, uint8_t* code) const {
    const Place at = place(i);
    copy_code(codes(at.list), at.position, code);
}

size_t CodeLists::append(
        size_t list, size_t n, const uint8_t* codes, std::span<const int64_t> ids) {
    List& to = lists_[list];
    const size_t before = to.codes.size();
    to.codes.add(n, codes);
    try {
        to.ids.add(ids);
    } catch (...) {
        to.codes.truncate(before);
        throw;
    }
    return before;
}

void CodeLists::reserve(size_t list, size_t n, unsigned id_width) {
    lists_[list].codes.reserve(n);
    lists_[list].ids.reserve(n, id_width);
}

void CodeLists::set(Place place, const uint8_t* code, int64_t id) {
    lists_[place.list].ids.set(place.position, id);
    lists_[place.list].codes.set(place.position, code);
}

void CodeLists::resize(size_t list, size_t n) {
    List& to = lists_[list];
    if (n > to.codes.size()) {
        const std::vector<uint8_t> codes((n - to.codes.size()) * code_size_);
        (void)append(
                list, n - to.codes.size(), codes.data(), std::vector<int64_t>(n - to.codes.size()));
        return;
    }
    to.codes.truncate(n);
    to.ids.resize(n);
}

void CodeLists::move(size_t list, size_t from, size_t to) {
    lists_[list].codes.move(from, to);
    lists_[list].ids.move(from, to);
}

CodeLists::Bytes CodeLists::assign(size_t list, size_t n, unsigned id_width) {
    List& to = lists_[list];
    return {to.codes.assign(n), ids_ == Ids::stored ? to.ids.assign(n, id_width) : nullptr};
}

void CodeLists::map(
        size_t list, std::shared_ptr<const MappedFile> file, const kernels::InterleavedCodes& codes,
        const PackedIdsView& ids) {
    lists_[list] = {CodeBlocks(codes), PackedIds(ids)};
    file_ = std::move(file);
}

} // namespace bqq
