#pragma once

#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace bqq {

/// XXH3 of bytes that come piece by piece.
class Digest {
public:
    Digest() : state_(XXH3_createState(), XXH3_freeState) { XXH3_64bits_reset(state_.get()); }
    void update(const void* bytes, size_t size) { XXH3_64bits_update(state_.get(), bytes, size); }
    uint64_t value() const { return XXH3_64bits_digest(state_.get()); }

private:
    std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

} // namespace bqq
