#include "python/long_call.h"

#include <faiss/impl/AuxIndexStructures.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace bqq::python {

namespace {

/// Ends the work in C++; run() raises the cause.
struct Ended : std::runtime_error {
    Ended() : std::runtime_error("ended by Python") {}
};

std::thread::id importing_thread;

/// Python handles signals in one thread alone.
bool handles_signals() {
    return std::this_thread::get_id() == importing_thread;
}

struct SignalWatch : faiss::InterruptCallback {
    bool want_interrupt() override {
        if (!handles_signals()) return false;
        const py::gil_scoped_acquire locked;
        return PyErr_CheckSignals() != 0; // the error stays for run() to raise
    }
};

} // namespace

template <class F>
void LongCall::with_python(const F& f) {
    const py::gil_scoped_acquire locked;
    try {
        f();
    } catch (const py::error_already_set&) {
        raised_ = std::current_exception();
        throw Ended();
    }
}

void LongCall::check() {
    if (!handles_signals()) return;
    with_python([] {
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    });
}

Progress LongCall::listener() {
    Progress progress;
    progress.step = [this](const std::string& stage, size_t done, size_t total) {
        check();
        if (progress_.is_none()) return;
        with_python([&] { progress_(stage, done, total); });
    };
    progress.log = [this](const std::string& message) {
        with_python([&] {
            if (PyErr_WarnEx(PyExc_UserWarning, ("bqq: " + message).c_str(), 1) != 0)
                throw py::error_already_set(); // warnings are errors
        });
    };
    return progress;
}

void watch_signals() {
    importing_thread = std::this_thread::get_id();
    faiss::InterruptCallback::instance = std::make_unique<SignalWatch>();
}

} // namespace bqq::python
