#include "plane_scan.h"

#include "kernels/scan.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "plane_scan.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bqq::bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void plane_scores(const QueryPlanes& query, const uint8_t* block, uint16_t* scores) {
#if HWY_TARGET != HWY_SCALAR
    const hn::CappedTag<uint8_t, kernels::kBlock> db;
    const hn::Repartition<uint16_t, decltype(db)> dw;
    constexpr size_t kBytesBeforeOverflow = 31; // of 8 bits each, in sums of 8 bits
    for (size_t v = 0; v < kernels::kBlock; v += hn::Lanes(db)) {
        auto even = hn::Zero(dw);
        auto odd = hn::Zero(dw);
        for (size_t b = query.bytes_of_plane.size(); b-- > 0;) {
            even = hn::Add(even, even);
            odd = hn::Add(odd, odd);
            const uint8_t* plane = query.planes.data() + b * query.code_bytes;
            const size_t bytes = query.bytes_of_plane[b];
            for (size_t j = 0; j < bytes;) {
                const size_t end = std::min(bytes, j + kBytesBeforeOverflow);
                auto count = hn::Zero(db);
                for (; j < end; ++j)
                    count =
                            hn::Add(count, hn::PopulationCount(hn::And(
                                                   hn::LoadU(db, block + j * kernels::kBlock + v),
                                                   hn::Set(db, plane[j]))));
                const auto words = hn::BitCast(dw, count);
                even = hn::Add(even, hn::And(words, hn::Set(dw, 0xff)));
                odd = hn::Add(odd, hn::ShiftRight<8>(words));
            }
        }
        hn::StoreInterleaved2(even, odd, dw, scores + v);
    }
#else
    (void)query, (void)block, (void)scores;
#endif
}

} // namespace bqq::bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bqq::bench {

HWY_EXPORT(plane_scores);

void plane_scores(const QueryPlanes& query, const uint8_t* block, uint16_t* scores) {
    HWY_DYNAMIC_DISPATCH(plane_scores)(query, block, scores);
}

} // namespace bqq::bench
#endif
