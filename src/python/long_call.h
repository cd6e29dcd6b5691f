#pragma once

#include <bqq/progress.h>

#include <pybind11/pybind11.h>

#include <exception>
#include <utility>

namespace bqq::python {

namespace py = pybind11;

/** A call that may last: the global interpreter lock is released meanwhile, Ctrl-C ends it with
 * KeyboardInterrupt, and a callback hears how far it is.
 */
class LongCall {
public:
    /// @param progress  None, or what is called with a stage's name, steps done and steps in all
    explicit LongCall(py::object progress = py::none()) : progress_(std::move(progress)) {}
    LongCall(const LongCall&) = delete;
    LongCall& operator=(const LongCall&) = delete;

    /// What the work inside of run() reports to.
    Progress listener();

    /// Also without a step: asks whether Ctrl-C was pressed. @throws what ends the call
    void check();

    /// Runs f(). @throws py::error_already_set  also for what Python raised meanwhile
    template <class F>
    void run(const F& f) {
        std::exception_ptr error;
        {
            const py::gil_scoped_release released;
            try {
                f();
            } catch (...) {
                error = std::current_exception();
            }
        }
        if (raised_) std::rethrow_exception(raised_);
        if (PyErr_Occurred() != nullptr) throw py::error_already_set();
        if (error) std::rethrow_exception(error);
    }

private:
    py::object progress_;
    std::exception_ptr raised_;

    /// Runs f() with the lock; what it raises ends the call.
    template <class F>
    void with_python(const F& f);
};

/// From now on FAISS's long loops end at Ctrl-C, too. Called once, by the thread that imports.
void watch_signals();

} // namespace bqq::python
