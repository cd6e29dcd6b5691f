// For LD_PRELOAD. The call of fsync() whose number BQQ_FAILING_FSYNC says fails; one before all is
// interrupted. With BQQ_NO_TMPFILE no file without a name can be made, as on NFS.
#include <dlfcn.h>
#include <fcntl.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>

namespace {

using Open = int (*)(const char*, int, ...);

int open_as(const char* function, const char* path, int flags, mode_t mode) {
    if ((flags & O_TMPFILE) == O_TMPFILE && std::getenv("BQQ_NO_TMPFILE") != nullptr) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return reinterpret_cast<Open>(::dlsym(RTLD_NEXT, function))(path, flags, mode);
}

mode_t mode_of(int flags, std::va_list arguments) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

} // namespace

extern "C" int open(const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_as("open", path, flags, mode);
}

extern "C" int open64(const char* path, int flags, ...) {
    std::va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_as("open64", path, flags, mode);
}

extern "C" int fsync(int) {
    static int calls = -1;
    const char* failing = std::getenv("BQQ_FAILING_FSYNC");
    ++calls;
    if (calls > 0 && (failing == nullptr || calls != std::atoi(failing))) return 0;
    errno = calls == 0 ? EINTR : EIO;
    return -1;
}
