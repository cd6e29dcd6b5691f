#include <bqq/index/diagnose.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace bqq {

namespace {

/// Counts in full, other numbers with four digits.
std::string number(double value) {
    std::ostringstream out;
    const bool is_count = value == std::floor(value) && std::abs(value) < 1e9;
    out << std::setprecision(is_count ? 9 : 4) << value;
    return out.str();
}

void write_measures(std::ostream& out, const std::vector<Measure>& measures) {
    size_t width = 0;
    for (const Measure& measure : measures) width = std::max(width, measure.name.size());
    for (const Measure& measure : measures)
        out << "  " << std::left << std::setw(static_cast<int>(width) + 2) << measure.name
            << std::right << std::setw(10) << number(measure.value) << "  " << measure.meaning
            << '\n';
}

} // namespace

std::vector<Measure> Diagnosis::vector_measures() const {
    const VectorsDiagnosis& v = vectors;
    const std::string near = std::to_string(k) + " nearest";
    return {{"n", static_cast<double>(v.n), "vectors"},
            {"d", static_cast<double>(v.d), "components"},
            {"duplicates", v.duplicates, "share that equals a vector before it"},
            {"zeros", v.zeros, "share of norm 0"},
            {"shortest", v.shortest, "norm"},
            {"median_norm", v.median_norm, "norm of the middle one"},
            {"longest", v.longest, "norm"},
            {"outliers", v.outliers, "share farther out than three times what 98.5 % keep within"},
            {"constant", static_cast<double>(v.constant), "components that never change"},
            {"effective_dimensions", v.effective_dimensions,
             "(sum of variances)^2 / sum of their squares"},
            {"dimensions_of_95", static_cast<double>(v.dimensions_of_95),
             "principal directions with 95 % of the variance"},
            {"clustered", v.clustered, "share of the variance that 256 centroids take away"},
            {"clustered_gaussian", v.clustered_gaussian, "at most, were the vectors Gaussian"},
            {"imbalance", v.imbalance, "of the sizes of these clusters, 1 for equal ones"},
            {"contrast", v.contrast,
             "distance of any two, divided by that to the last of the " + near},
            {"intrinsic_dimensions", v.intrinsic_dimensions, "by distances to the " + near},
            {"hubness", v.hubness, "skewness of how often a vector is among the " + near},
            {"antihubs", v.antihubs, "share that is among the " + near + " of none"}};
}

std::vector<Measure> Diagnosis::query_measures() const {
    if (!queries) return {};
    return {{"n", static_cast<double>(queries->n), "queries"},
            {"equal", queries->equal, "share that equals a vector"},
            {"own_kind", queries->own_kind,
             "share of neighbours of the same kind, in a mix: 0.5 for one distribution"},
            {"distance_ratio", queries->distance_ratio,
             "distance to the nearest vector, divided by that of vectors to each other"}};
}

std::vector<Measure> Diagnosis::index_measures() const {
    if (!index) return {};
    std::vector<Measure> all{{"recall", index->recall, "share of the true neighbours found"}};
    for (const RecallLoss& loss : index->losses) {
        std::ostringstream meaning;
        meaning << "of the recall";
        if (!loss.knob.empty()) {
            meaning << ", at " << loss.knob << "=" << loss.value;
            if (loss.enough > loss.value) meaning << "; at " << loss.enough << " less than 0.01";
        }
        all.push_back({"lost by " + loss.part, loss.recall, meaning.str()});
    }
    all.insert(
            all.end(),
            {{"bits", index->bits, "of a code"},
             {"bytes", index->bytes, "of a code with its scales and list"},
             {"error", index->error, "mean squared, divided by the variance"},
             {"shannon", index->shannon, "least error of so many bytes, were the vectors Gaussian"},
             {"recall_of_a_byte_more", index->recall_of_a_byte_more, "of all codes, estimated"}});
    return all;
}

std::string Diagnosis::text() const {
    std::ostringstream out;
    out << std::setprecision(4) << "Vectors\n";
    write_measures(out, vector_measures());
    if (queries) {
        out << "\nQueries\n";
        write_measures(out, query_measures());
    }
    if (!coding.empty()) {
        out << "\nCodes of a sample: error divided by the variance, the least one for Gaussian "
               "vectors, "
            << k << "-recall@" << k << "\n"
            << std::setw(8) << "bits" << std::setw(10) << "bytes" << std::setw(10) << "error"
            << std::setw(10) << "shannon" << std::setw(10) << "recall" << std::setw(16)
            << "recall a byte" << '\n'
            << std::fixed;
        const CodingDiagnosis* before = nullptr;
        for (const CodingDiagnosis& point : coding) {
            out << std::setw(8) << point.bits << std::setprecision(1) << std::setw(10)
                << point.bytes << std::setprecision(4) << std::setw(10) << point.error
                << std::setw(10) << point.shannon << std::setw(10) << point.recall;
            if (before != nullptr)
                out << std::setw(16)
                    << (point.recall - before->recall) / (point.bytes - before->bytes);
            out << '\n';
            before = &point;
        }
        out << std::defaultfloat;
    }
    if (index) {
        out << "\nIndex\n" << std::setprecision(4);
        write_measures(out, index_measures());
    }
    out << "\nFindings\n";
    for (const Finding& finding : findings)
        out << "- " << finding.what << "\n  " << finding.knob << '\n';
    if (findings.empty()) out << "  none\n";
    return out.str();
}

} // namespace bqq
