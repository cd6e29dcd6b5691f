#include "command/commands.h"
#include "command/inputs.h"
#include "command/text_output.h"
#include "index/error_message.h"
#include "index/wrapped_index.h"

#include <bqq/index/index_io.h>
#include <faiss/impl/IDSelector.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bqq::command {

namespace {

struct RemoveOptions {
    std::string index;
    std::string ids;
    FormatOptions formats;
    std::optional<std::string> out;
};

int remove(const RemoveOptions& options) {
    const std::string out = options.out.value_or(options.index);
    check_output(out, {options.ids});
    const std::vector<int64_t> ids = read_ids(options.ids, options.formats.hints);
    const std::unique_ptr<faiss::Index> index = read_index(options.index);
    const faiss::IDSelectorBatch selector(ids.size(), ids.data());
    const size_t removed = say_where(options.index + ", " + index_name(index.get()), [&] {
        return index->remove_ids(selector);
    });
    write_index(index.get(), out);
    summary_stream(out) << out << ": removed " << removed << " of " << ids.size() << " ids, has "
                        << index->ntotal << " vectors\n";
    return 0;
}

} // namespace

void add_remove(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("remove", "Remove vectors from an index by their ids");
    auto options = std::make_shared<RemoveOptions>();
    sub->add_option("--index", options->index, "Index file")->required();
    sub->add_option("--ids", options->ids, "Ids: a file of one row or column")->required();
    options->formats.add_to(*sub);
    sub->add_option("--out", options->out, "Index file to write [that of --index]")
            ->transform(output_path);
    sub->callback([options, &run] { run = [options] { return remove(*options); }; });
}

} // namespace bqq::command
