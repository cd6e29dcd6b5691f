#include "io/formats/row_reader.h"

#include <zip.h>

#include <utility>

namespace bqq {

namespace {

constexpr std::string_view kSuffix = ".npy";

using Archive = std::unique_ptr<zip_t, void (*)(zip_t*)>;
using Member = std::unique_ptr<zip_file_t, int (*)(zip_file_t*)>;

Archive open_archive(const InputFile& file) {
    int code = 0;
    Archive archive(zip_open(file.path_to_open().c_str(), ZIP_RDONLY, &code), zip_discard);
    if (archive) return archive;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string message = zip_error_strerror(&error);
    zip_error_fini(&error);
    file.fail("is not a .npz file: " + message);
}

std::vector<std::string> member_names(zip_t& archive) {
    std::vector<std::string> names;
    const auto count = zip_get_num_entries(&archive, 0);
    for (zip_int64_t i = 0; i < count; ++i) {
        const char* text = zip_get_name(&archive, static_cast<zip_uint64_t>(i), 0);
        std::string name = text != nullptr ? text : "";
        if (name.ends_with(kSuffix)) names.push_back(name.substr(0, name.size() - kSuffix.size()));
    }
    return names;
}

} // namespace

/// Copies the member: a compressed one cannot be read from the middle.
RowReaderPointer open_npz(InputFile file, const std::string& member, const FileHints& hints) {
    const Archive archive = open_archive(file);
    const std::string name = choose_member(file, member, hints.member, member_names(*archive));
    const Member stream(
            zip_fopen(archive.get(), (name + std::string(kSuffix)).c_str(), 0), zip_fclose);
    if (!stream) file.fail("member " + name + ": " + zip_strerror(archive.get()));
    InputFile copy(file.path() + ":" + name, [&](void* bytes, size_t size) {
        const zip_int64_t count = zip_fread(stream.get(), bytes, size);
        if (count < 0) file.fail("member " + name + ": " + zip_file_strerror(stream.get()));
        return static_cast<size_t>(count);
    });
    return open_npy(std::move(copy), "", hints);
}

} // namespace bqq
