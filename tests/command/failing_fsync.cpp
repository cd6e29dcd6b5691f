// For LD_PRELOAD: the call of fsync() whose number BQQ_FAILING_FSYNC says fails. One before all is
// interrupted.
#include <cerrno>
#include <cstdlib>

extern "C" int fsync(int) {
    static int calls = -1;
    const char* failing = std::getenv("BQQ_FAILING_FSYNC");
    ++calls;
    if (calls > 0 && (failing == nullptr || calls != std::atoi(failing))) return 0;
    errno = calls == 0 ? EINTR : EIO;
    return -1;
}
