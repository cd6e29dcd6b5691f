#include "command/arguments.h"
#include "command/commands.h"
#include "command/index_building.h"
#include "command/inputs.h"
#include "command/text_output.h"
#include "index/error_message.h"

#include <bqq/index/index_io.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bqq::command {

namespace {

struct MergeOptions {
    std::vector<std::string> indexes;
    std::string out;
    bool renumber = false;
};

/// What to add to the ids of `part` when it is merged into `whole`.
int64_t id_offset(
        const MergeOptions& options, faiss::Index& whole, faiss::Index& part,
        const std::string& part_name) {
    if (!keeps_ids(whole) || !keeps_ids(part)) return 0;
    std::vector<int64_t> ids = ids_of(whole);
    if (options.renumber) return next_id(ids);
    const std::vector<int64_t> more = ids_of(part);
    ids.insert(ids.end(), more.begin(), more.end());
    if (const auto twice = find_duplicate(std::move(ids)))
        throw std::runtime_error(
                part_name + ": an index before it has the id " + std::to_string(*twice) +
                " too; --renumber puts the ids of each index after those before it");
    return 0;
}

int merge(const MergeOptions& options) {
    if (options.indexes.size() < 2) throw UsageError("merge needs two indexes or more");
    check_output(options.out, options.indexes);
    std::unique_ptr<faiss::Index> whole = read_index(options.indexes.front());
    for (size_t i = 1; i < options.indexes.size(); ++i) {
        const std::string& name = options.indexes[i];
        const std::unique_ptr<faiss::Index> part = read_index(name);
        check_same_dimension(
                name, static_cast<size_t>(part->d), options.indexes.front(),
                static_cast<size_t>(whole->d));
        say_where(
                name + " cannot be merged into " + options.indexes.front() +
                        ", it has to be of the same kind and training",
                [&] { whole->check_compatible_for_merge(*part); });
        whole->merge_from(*part, id_offset(options, *whole, *part, name));
    }
    write_index(whole.get(), options.out);
    summary_stream(options.out) << options.out << ": merged " << options.indexes.size()
                                << " indexes, has " << whole->ntotal << " vectors\n";
    return 0;
}

} // namespace

void add_merge(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("merge", "Put the vectors of indexes together");
    auto options = std::make_shared<MergeOptions>();
    sub->add_option("--index", options->indexes, "Index file; two or more, of one training")
            ->required();
    sub->add_option("--out", options->out, "Index file to write")
            ->required()
            ->transform(output_path);
    sub->add_flag(
            "--renumber", options->renumber, "Put the ids of each index after those before it");
    sub->callback([options, &run] { run = [options] { return merge(*options); }; });
}

} // namespace bqq::command
