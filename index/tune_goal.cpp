#include "index/tune_goal.h"

#include <algorithm>
#include <cmath>

namespace bqq {

namespace {

constexpr double kRecallOfTime = 0.95; // aimed at where only the time is limited
constexpr double kEqualRecall = 0.005, kEqualBytes = 1.03;

template <class Condition>
void keep(std::vector<const TunedIndex*>& indexes, const Condition& condition) {
    std::erase_if(indexes, [&](const TunedIndex* index) { return !condition(*index); });
}

double least_bytes(const std::vector<const TunedIndex*>& indexes) {
    return (*std::ranges::min_element(indexes, {}, &TunedIndex::bytes))->bytes;
}

} // namespace

TuneGoal::TuneGoal(const Wish& wish) : wish_(wish), recall_(wish.min_recall) {
    if (!wish.max_bytes && !wish.min_recall) recall_ = kRecallOfTime;
}

bool TuneGoal::in_time(const TunedIndex& index) const {
    return !wish_.max_ms || index.ms <= *wish_.max_ms;
}

bool TuneGoal::is_fulfilled(const TunedIndex& index) const {
    return in_time(index) && (!wish_.max_bytes || index.bytes <= *wish_.max_bytes) &&
           (!wish_.min_recall || index.recall >= *wish_.min_recall);
}

const TunedIndex& TuneGoal::choose(const std::vector<TunedIndex>& tried) const {
    std::vector<const TunedIndex*> good;
    for (const TunedIndex& index : tried)
        if (is_fulfilled(index) && (!recall_ || index.recall >= *recall_)) good.push_back(&index);
    if (good.empty() && recall_ && !wish_.min_recall) // less recall than aimed at
        for (const TunedIndex& index : tried)
            if (is_fulfilled(index) && index.recall >= most_recall(tried) - kEqualRecall)
                good.push_back(&index);
    if (good.empty())
        return *std::ranges::min_element(
                tried, {}, [&](const TunedIndex& index) { return what_lacks(index); });
    if (!recall_)
        keep(good, [most = most_recall(tried)](const TunedIndex& index) {
            return index.recall >= most - kEqualRecall;
        });
    else if (!wish_.max_bytes || limits_time())
        keep(good, [most = kEqualBytes * least_bytes(good)](const TunedIndex& index) {
            return index.bytes <= most;
        });
    return **std::ranges::min_element(good, {}, &TunedIndex::ms);
}

double TuneGoal::most_recall(const std::vector<TunedIndex>& tried) const {
    double most = 0;
    for (const TunedIndex& index : tried)
        if (is_fulfilled(index)) most = std::max(most, index.recall);
    return most;
}

double TuneGoal::what_lacks(const TunedIndex& index) const {
    double all = 0;
    if (wish_.max_bytes) all += std::max(0.0, std::log2(index.bytes / *wish_.max_bytes));
    if (wish_.max_ms) all += std::max(0.0, std::log2(index.ms / *wish_.max_ms));
    if (wish_.min_recall) all += 10 * std::max(0.0, *wish_.min_recall - index.recall);
    return all;
}

} // namespace bqq
