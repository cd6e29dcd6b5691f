#include "search/code_blocks.h"

#include <algorithm>

namespace bqq {

using kernels::kBlock;

void CodeBlocks::add(size_t n, const uint8_t* codes) {
    const size_t blocks = (size_ + n + kBlock - 1) / kBlock;
    lines_.resize(blocks * code_size_);
    for (size_t i = 0; i < n; ++i) set(size_ + i, codes + i * code_size_);
    size_ += n;
}

void CodeBlocks::reserve(size_t n) {
    lines_.reserve((n + kBlock - 1) / kBlock * code_size_);
}

void CodeBlocks::truncate(size_t n) {
    size_ = std::min(size_, n);
    lines_.resize(blocks() * code_size_);
}

void CodeBlocks::get(size_t i, uint8_t* code) const {
    const Line* line = lines_.data() + i / kBlock * code_size_;
    for (size_t j = 0; j < code_size_; ++j) code[j] = line[j].bytes[i % kBlock];
}

void CodeBlocks::set(size_t i, const uint8_t* code) {
    Line* line = lines_.data() + i / kBlock * code_size_;
    for (size_t j = 0; j < code_size_; ++j) line[j].bytes[i % kBlock] = code[j];
}

} // namespace bqq
