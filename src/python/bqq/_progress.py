"""A line that shows how far a long call is."""

import sys
import time


class ProgressBar:
    """For `progress=`: one line on standard error, silent when that is no terminal.

    index.train(base, progress=bqq.ProgressBar())
    """

    _WIDTH = 30
    _SECONDS = 0.1  # between two refreshes

    def __init__(self, file=None):
        self._file = sys.stderr if file is None else file
        self._shows = self._file.isatty()
        self._stage = None
        self._begin = self._shown = 0.0

    def __call__(self, stage, done, total):
        if not self._shows or total == 0:
            return
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._begin, self._shown = stage, now, 0.0
        if done < total and now - self._shown < self._SECONDS:
            return
        self._shown = now
        filled = self._WIDTH * done // total
        bar = "#" * filled + " " * (self._WIDTH - filled)
        line = f"\r{stage} [{bar}] {100 * done // total:3d} %  {now - self._begin:.0f} s"
        self._file.write(line + ("\n" if done == total else ""))
        self._file.flush()
