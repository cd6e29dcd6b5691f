"""The scripts and types that users copy."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import bqq
import pytest

SOURCE = Path(os.environ["BQQ_SOURCE_DIR"])


@pytest.mark.parametrize("path", sorted((SOURCE / "examples/python").glob("*.py")), ids=str)
def test_example(path, capsys):
    runpy.run_path(str(path))
    assert len(capsys.readouterr().out.splitlines()) > 3


def test_the_package_of_the_documentation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (SOURCE / "docs/python.md").read_text()
    blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), {})


def test_types(tmp_path):
    pytest.importorskip("mypy")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path),
         str(Path(__file__).parent / "typed_usage.py")],
        env={**os.environ, "MYPYPATH": str(Path(bqq.__file__).parent.parent)},
        capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_all_names_are_there():
    for name in bqq.__all__:
        assert getattr(bqq, name).__doc__, name
    for name in ("train", "add", "search", "range_search", "save"):
        assert len(getattr(bqq.Index, name).__doc__.splitlines()) > 2, name
    with pytest.raises(AttributeError):
        bqq.nothing
