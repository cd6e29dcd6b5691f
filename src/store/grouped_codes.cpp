#include "store/grouped_codes.h"

#include <stdexcept>
#include <string>

namespace bqq {

void GroupedCodes::add(size_t n, const uint8_t* codes) {
    if (group_bytes_ == 0) {
        blocks_.front().add(n, codes);
        return;
    }
    const size_t row = code_size();
    for (size_t i = 0; i < n; ++i)
        if (codes[i * row] >= groups())
            throw std::invalid_argument(
                    "BQQ: a code of group " + std::to_string(codes[i * row]) + ", there are " +
                    std::to_string(groups()));
    const size_t before = size();
    try {
        // Codes of a group go to its blocks together.
        std::vector<std::vector<uint8_t>> parts(groups());
        for (size_t i = 0; i < n; ++i) {
            const uint8_t* code = codes + i * row;
            parts[code[0]].insert(parts[code[0]].end(), code + 1, code + row);
        }
        for (size_t i = 0; i < n; ++i) order_.add(codes[i * row]);
        for (size_t g = 0; g < groups(); ++g)
            blocks_[g].add(parts[g].size() / (row - 1), parts[g].data());
    } catch (...) {
        truncate(before);
        throw;
    }
}

void GroupedCodes::reserve(size_t n) {
    if (group_bytes_ == 0) blocks_.front().reserve(n);
}

void GroupedCodes::truncate(size_t n) {
    if (group_bytes_ == 0) {
        blocks_.front().truncate(n);
        return;
    }
    if (n < order_.size())
        for (size_t g = 0; g < groups(); ++g) {
            const size_t size = order_.rank(g, n);
            if (size < blocks_[g].size()) blocks_[g].truncate(size);
        }
    order_.truncate(std::min(n, order_.size()));
}

void GroupedCodes::get(size_t i, uint8_t* code) const {
    const Place at = place(i);
    if (group_bytes_ > 0) *code++ = static_cast<uint8_t>(at.group);
    blocks_[at.group].get(at.position, code);
}

} // namespace bqq
