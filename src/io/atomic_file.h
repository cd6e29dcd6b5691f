#pragma once

#include <bqq/error.h>

#include <cstdio>
#include <functional>
#include <string>

namespace bqq {

/// A file that cannot be written: disk full, no permission. The message names the path.
class WriteError : public FileError {
    using FileError::FileError;
};

/** Writes a file that is either whole or as it was: `write` fills a new file in the same folder,
 * which is flushed to disk and renamed to `path`, or removed when something fails. A symbolic link
 * is followed. A device, pipe or descriptor (/dev/stdout) is written directly.
 *
 * @param write  fills the stream and need not check its errors: they stick to the stream
 * @throws WriteError  when the file cannot be written; what `write` throws passes through, unless
 *         the stream failed
 */
void write_atomically(const std::string& path, const std::function<void(std::FILE*)>& write);

/// The same for bytes that are already there.
void write_atomically(const std::string& path, const std::string& bytes);

/** For a caller with long work to do before it writes.
 * @throws WriteError  when write_atomically could not write to `path`
 */
void check_writable(const std::string& path);

/// Whether both are one regular file, under whatever names; "-" is standard input.
bool is_same_file(const std::string& path, const std::string& input);

/// Whether what is written to `path` comes out where the program prints.
bool is_standard_output(const std::string& path);

} // namespace bqq
