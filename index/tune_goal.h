#pragma once

#include <bqq/index/tune.h>

#include <optional>
#include <vector>

namespace bqq {

/// A wish, with what is aimed at where it leaves the recall open.
class TuneGoal {
public:
    explicit TuneGoal(const Wish& wish);

    const std::optional<double>& recall() const { return recall_; }
    const std::optional<double>& bytes() const { return wish_.max_bytes; }
    bool limits_time() const { return wish_.max_ms.has_value(); }
    bool in_time(const TunedIndex& index) const;
    bool is_fulfilled(const TunedIndex& index) const;

    /// The best of those that fulfil the wish, as Wish says, or what lacks least; of at least one.
    const TunedIndex& choose(const std::vector<TunedIndex>& tried) const;

private:
    Wish wish_;
    std::optional<double> recall_;

    /// Of those that fulfil the wish.
    double most_recall(const std::vector<TunedIndex>& tried) const;
    /// 0 where nothing does; a recall that is 0.1 short counts as much as twice the bytes or time.
    double what_lacks(const TunedIndex& index) const;
};

} // namespace bqq
