#include "command/search_knobs.h"

#include "command/arguments.h"
#include "index/wrapped_index.h"

#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>

#include <stdexcept>
#include <string_view>

namespace bqq::command {

namespace {

struct Knob {
    const char* name;
    const char* option;
    const char* description;
    const char* lacking; ///< what an index without it does not have
    /// Sets it. @return whether the index has it; with value 0 only that
    bool (*set)(faiss::Index& index, int64_t value);
};

bool set_nprobe(faiss::Index& index, int64_t value) {
    auto* ivf = find_index<faiss::IndexIVF>(&index);
    if (ivf != nullptr && value > 0) ivf->nprobe = static_cast<size_t>(value);
    return ivf != nullptr;
}

bool set_k_factor(faiss::Index& index, int64_t value) {
    auto* refine = find_index<faiss::IndexRefine>(&index);
    if (refine != nullptr && value > 0) refine->k_factor = static_cast<float>(value);
    return refine != nullptr;
}

bool set_ef(faiss::Index& index, int64_t value) {
    auto* graph = find_index<faiss::IndexHNSW>(&index);
    if (graph != nullptr && value > 0) graph->hnsw.efSearch = static_cast<int>(value);
    return graph != nullptr;
}

constexpr Knob kKnobs[3] = {
        {"nprobe", "--nprobe", "Inverted file: lists to look at [1]", "inverted lists", set_nprobe},
        {"k_factor", "--k-factor", "Refinement: candidates for each neighbour [1]", "refinement",
         set_k_factor},
        {"ef", "--ef", "HNSW: candidates to keep [16]", "HNSW graph", set_ef}};

} // namespace

void SearchKnobs::apply_to(faiss::Index& index, const std::string& name) const {
    for (const auto& [knob_name, value] : values)
        for (const Knob& knob : kKnobs)
            if (knob_name == knob.name && !knob.set(index, value))
                throw std::runtime_error(
                        std::string(knob.option) + " is " + std::to_string(value) + ", but " +
                        name + " has no " + knob.lacking);
}

std::string SearchKnobs::text() const {
    std::string all;
    for (const auto& [name, value] : values)
        all += (all.empty() ? "" : ",") + name + "=" + std::to_string(value);
    return all;
}

void SearchKnobOptions::add_to(CLI::App& app, bool sweep) {
    for (size_t i = 0; i < 3; ++i) {
        auto* option = app.add_option(
                kKnobs[i].option, values_[i],
                std::string(kKnobs[i].description) + (sweep ? "; several, such as 1,4,16" : ""));
        option->delimiter(',')->expected(1, sweep ? 1000 : 1);
    }
}

void SearchKnobOptions::check() const {
    constexpr int64_t kMost = int64_t{1} << 30;
    for (size_t i = 0; i < 3; ++i)
        for (const int64_t value : values_[i]) check_range(kKnobs[i].option, value, kMost);
}

SearchKnobs SearchKnobOptions::single() const {
    check();
    SearchKnobs knobs;
    for (size_t i = 0; i < 3; ++i)
        for (const int64_t value : values_[i]) knobs.values.push_back({kKnobs[i].name, value});
    return knobs;
}

std::vector<SearchKnobs> SearchKnobOptions::combinations(faiss::Index& index) const {
    std::vector<SearchKnobs> all(1);
    for (size_t i = 0; i < 3; ++i) {
        if (values_[i].empty() || !kKnobs[i].set(index, 0)) continue;
        std::vector<SearchKnobs> more;
        for (const SearchKnobs& knobs : all)
            for (const int64_t value : values_[i]) {
                more.push_back(knobs);
                more.back().values.push_back({kKnobs[i].name, value});
            }
        all = std::move(more);
    }
    return all;
}

} // namespace bqq::command
