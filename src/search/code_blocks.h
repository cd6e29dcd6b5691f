#pragma once

#include "kernels/scan.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** Codes of equal size in memory, interleaved as the scan reads them: in blocks of 64, byte j of all
 * codes of a block lies in one line of 64 bytes.
 */
class CodeBlocks {
public:
    explicit CodeBlocks(size_t code_size = 0) : code_size_(code_size) {}

    size_t size() const { return size_; }
    size_t code_size() const { return code_size_; }
    /// bytes of a block
    size_t block_bytes() const { return code_size_ * kernels::kBlock; }
    size_t blocks() const { return (size_ + kernels::kBlock - 1) / kernels::kBlock; }
    const uint8_t* data() const { return lines_.empty() ? nullptr : lines_.front().bytes; }

    /// Appends n codes, rows of code_size() bytes.
    void add(size_t n, const uint8_t* codes);
    /// Makes room for n codes in all.
    void reserve(size_t n);
    /// Drops the codes from n on.
    void truncate(size_t n);
    void clear() { truncate(0); }

    void get(size_t i, uint8_t* code) const;
    void set(size_t i, const uint8_t* code);

private:
    struct alignas(64) Line {
        uint8_t bytes[kernels::kBlock];
    };
    size_t code_size_;
    size_t size_ = 0;
    std::vector<Line> lines_; // code_size_ lines a block; the last block is filled up with zeros
};

} // namespace bqq
