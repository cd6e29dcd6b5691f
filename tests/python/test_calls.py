"""Long calls: threads, Ctrl-C, progress, memory."""

import os
import signal
import subprocess
import sys
import threading
import time

import bqq
import numpy as np
import pytest


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_searches_in_threads_agree(base, queries):
    index = bqq.index_factory(32, "IVF16,BQQ64")
    index.train(base)
    index.add(base)
    expected = index.search(queries, 10, nprobe=8)[1]
    wrong = []

    def search():
        for _ in range(20):
            if not (index.search(queries, 10, nprobe=8)[1] == expected).all():
                wrong.append(1)

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_python_goes_on_during_a_call(base):
    """Other threads have the interpreter's lock while one is in C++."""
    index = bqq.index_factory(32, "BQQ256")
    steps, done = [0], threading.Event()

    def count():
        while not done.is_set():
            steps[0] += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    time.sleep(0.01)
    before = steps[0]
    index.train(np.concatenate([base] * 4))
    after = steps[0]
    done.set()
    thread.join()
    assert after - before > 5


_INTERRUPTED = """
import os, signal, threading, time
import numpy as np
import bqq

x = np.random.default_rng(1).normal(size=(300000, 64)).astype(np.float32)
index = bqq.index_factory(64, "{factory}")
if "{call}" != "train":
    index.train(x[:5000])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    for _ in range(100000):
        index.{call}(x)
except KeyboardInterrupt:
    # Within the first call, which takes longer than the 0.3 s.
    print("interrupted", index.ntotal < len(x) if index.is_trained else index.ntotal == 0)
    if not index.is_trained:
        index.train(x[:5000])
    index.add(x[:100])
    index.search(x[:5], 3)
    print("usable")
"""


@pytest.mark.parametrize(
    "factory, call",
    [("BQQ512", "train"), ("BQQ256g4", "train"), ("IVF4096,BQQ32", "train"), ("BQQ512", "add")],
)
def test_ctrl_c_ends_a_call(factory, call):
    code = _INTERRUPTED.format(factory=factory, call=call)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "interrupted True" in run.stdout and "usable" in run.stdout


def test_progress_is_told(base):
    told = []
    index = bqq.index_factory(32, "BQQ64")
    index.train(base, progress=lambda *step: told.append(step))
    assert told and told[-1][1] == told[-1][2]
    assert all(isinstance(stage, str) and 0 < done <= total for stage, done, total in told)
    told.clear()
    index.add(np.concatenate([base] * 20), progress=lambda *step: told.append(step))
    assert told[-1] == ("add", 40000, 40000) and len(told) > 1
    index.reset()
    index.train(base, progress=bqq.ProgressBar())


def test_what_a_callback_raises_ends_the_call(base):
    index = bqq.index_factory(32, "BQQ64")

    def fail(stage, done, total):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        index.train(base, progress=fail)
    assert not index.is_trained
    index.train(base)
    with pytest.raises(TypeError):
        index.add(base, progress=3)


def test_progress_bar_on_a_terminal():
    class Terminal(list):
        def isatty(self):
            return True

        def flush(self):
            pass

        def write(self, text):
            self.append(text)

    terminal = Terminal()
    bar = bqq.ProgressBar(terminal)
    bar("train", 1, 2)
    bar("train", 2, 2)
    assert "50 %" in terminal[0] and "100 %" in terminal[1] and terminal[1].endswith("\n")


def test_messages_are_warnings(base):
    index = bqq.index_factory(32, "BQQ64")
    with pytest.warns(UserWarning, match="bqq: "):
        index.train(base[:70])


@pytest.mark.parametrize("factory", ["BQQ64", "IVF8,BQQ64"])
def test_seed_makes_the_same_index(base, factory):
    files = []
    for seed in (1, 1, 2):
        index = bqq.index_factory(32, factory)
        index.train(base, seed=seed)
        index.add(base)
        files.append(index.serialize())
    assert files[0] == files[1] != files[2]
    with pytest.raises(ValueError, match="seed is 2147483648"):
        bqq.index_factory(32, "BQQ64").train(base, seed=1 << 31)


def test_threads_are_set(base, queries):
    before = bqq.get_num_threads()
    index = bqq.index_factory(32, "BQQ64")
    index.train(base)
    index.add(base)
    found = index.search(queries, 5)[1]
    for count in (1, 3):
        bqq.set_num_threads(count)
        assert bqq.get_num_threads() == count
        np.testing.assert_array_equal(index.search(queries, 5)[1], found)
    bqq.set_num_threads(before)
    with pytest.raises(ValueError, match="threads is 0"):
        bqq.set_num_threads(0)


def test_a_thousand_indexes_leave_nothing(base, queries):
    def cycle():
        index = bqq.index_factory(32, "BQQ16")
        index.train(base[:64])
        index.add(base[:64])
        index.search(queries, 3, filter=[1, 2])
        bqq.deserialize(index.serialize()).search(queries[0], 3)
        with pytest.raises(ValueError):
            index.add(base[:, :5])

    for _ in range(200):
        cycle()
    before = resident()
    for _ in range(1000):
        cycle()
    assert resident() - before < 4 << 20


def test_adding_makes_no_copy_of_the_vectors():
    x = np.ones((200000, 256), np.float32)
    x += np.random.default_rng(1).normal(size=256).astype(np.float32)
    index = bqq.index_factory(256, "BQQ32")
    index.train(np.random.default_rng(1).normal(size=(3000, 256)).astype(np.float32))
    index.add(x[:20000])
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak
    before = resident()
    index.add(x)
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    assert peak - before < x.nbytes / 3


def test_imports_neither_scikit_learn_nor_scipy():
    code = "import sys, bqq; print([m for m in sys.modules if m in ('sklearn', 'scipy')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
