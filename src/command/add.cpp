#include "command/arguments.h"
#include "command/commands.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/text_output.h"
#include "command/threads.h"
#include "index/error_message.h"
#include "index/wrapped_index.h"

#include <bqq/index/index_io.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace bqq::command {

namespace {

struct AddOptions {
    std::string index;
    BaseOptions base;
    std::optional<std::string> ids;
    std::optional<std::string> metric;
    std::optional<std::string> out;
    bool reset = false;
    ThreadOption threads;
};

/** Ids for the new vectors of an index that keeps ids: those given, else the next ones.
 * @throws std::runtime_error  for an id that the index has already, and for ids that it cannot keep
 */
std::vector<int64_t> ids_to_add(
        const AddOptions& options, faiss::Index& index, std::vector<int64_t> ids, size_t n) {
    if (!keeps_ids(index)) {
        if (!ids.empty())
            throw std::runtime_error(
                    options.index + " keeps no ids: build it with --ids, or as IDMap,...");
        return {};
    }
    std::vector<int64_t> all = ids_of(index);
    if (ids.empty()) {
        ids.resize(n);
        std::iota(ids.begin(), ids.end(), next_id(all));
        return ids;
    }
    all.insert(all.end(), ids.begin(), ids.end());
    if (const auto twice = find_duplicate(std::move(all)))
        throw std::runtime_error(
                options.index + " has a vector with the id " + std::to_string(*twice) + " already");
    return ids;
}

int add(const AddOptions& options) {
    options.threads.check();
    if (options.metric) (void)parse_metric(*options.metric);
    const std::string out = options.out.value_or(options.index);
    check_output(out, {options.base.path, options.ids.value_or("")});
    const ThreadScope threads(options.threads.count);
    InputVectors base = options.base.open({});
    const std::unique_ptr<faiss::Index> index = read_index(options.index);
    check_same_dimension(base.name(), base.d(), options.index, static_cast<size_t>(index->d));
    check_metric(options.metric, options.index, *index);
    if (options.reset) index->reset();
    const std::vector<int64_t> ids = ids_to_add(
            options, *index, base.ids(options.ids, options.base.formats.hints), base.n());
    say_where(options.index + ", " + index_name(index.get()), [&] {
        add_vectors(*index, base, ids);
    });
    write_index(index.get(), out);
    summary_stream(out) << out << ": added " << base.n() << " vectors, has " << index->ntotal
                        << '\n';
    return 0;
}

} // namespace

void add_add(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("add", "Add vectors to an index");
    auto options = std::make_shared<AddOptions>();
    sub->add_option("--index", options->index, "Index file")->required();
    options->base.add_to(*sub);
    sub->add_option(
            "--ids", options->ids, "Ids of the vectors [those after the largest in the index]");
    sub->add_option(
            "--metric", options->metric,
            "l2, ip or cosine, to be refused if the index was built for another");
    sub->add_flag("--reset", options->reset, "Remove all vectors first; what was learned stays");
    sub->add_option("--out", options->out, "Index file to write [that of --index]")
            ->transform(output_path);
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return add(*options); }; });
}

} // namespace bqq::command
