#pragma once

#include "kernels/scan.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bqq {

/// Writes code i (code_size bytes) of interleaved codes to `code`.
void copy_code(const kernels::InterleavedCodes& codes, size_t i, uint8_t* code);

/// Writes codes begin to end - 1 as rows of code_size bytes.
void copy_codes(const kernels::InterleavedCodes& codes, size_t begin, size_t end, uint8_t* rows);

/// Interleaves a block of n rows, at most kBlock, of code_size bytes.
void interleave(const uint8_t* rows, size_t n, size_t code_size, uint8_t* block);

/// Codes of equal size in memory, interleaved as the scan reads them.
class CodeBlocks {
public:
    explicit CodeBlocks(size_t code_size = 0) : code_size_(code_size) {}

    size_t size() const { return size_; }
    size_t code_size() const { return code_size_; }
    kernels::InterleavedCodes view() const {
        return {lines_.empty() ? nullptr : lines_.front().bytes, size_, code_size_};
    }

    /// Appends n codes, rows of code_size() bytes.
    void add(size_t n, const uint8_t* codes);
    /// Makes room for n codes, whose interleaved bytes the caller fills in, and returns these.
    uint8_t* assign(size_t n);
    /// Makes room for n codes in all.
    void reserve(size_t n);
    /// Drops the codes from n on.
    void truncate(size_t n);
    void clear() { truncate(0); }

    void get(size_t i, uint8_t* code) const { copy_code(view(), i, code); }
    void set(size_t i, const uint8_t* code);

private:
    struct alignas(64) Line {
        uint8_t bytes[64];
    };
    size_t code_size_;
    size_t size_ = 0;
    std::vector<Line> lines_; // the codes and kSlack bytes

    uint8_t* block(size_t b) { return lines_.front().bytes + b * kernels::kBlock * code_size_; }
    size_t lines_for(size_t n) const;
};

} // namespace bqq
