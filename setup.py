"""The Python package, a wheel of the CMake target bqq_python: docs/python.md."""

import re
import sys

from skbuild import setup

with open("include/bqq/version.h") as header:
    version = re.search(r'BQQ_VERSION "(.*)"', header.read()).group(1)

setup(
    name="bqq",
    version=version,
    description="Nearest-neighbour search over embeddings in very few bytes",
    packages=["bqq", "bqq.contrib"],
    package_dir={"": "src/python"},
    package_data={"bqq": ["py.typed", "*.pyi"]},
    python_requires=">=3.9",
    install_requires=["numpy"],
    extras_require={"sklearn": ["scikit-learn"]},
    cmake_install_dir="src/python",
    cmake_install_target="install_bqq_python",
    cmake_args=[
        "-DBQQ_BUILD_PYTHON=ON",
        "-DBQQ_BUILD_COMMAND=OFF",
        "-DBQQ_BUILD_TESTS=OFF",
        "-DBQQ_BUILD_BENCH=OFF",
        f"-DPython_EXECUTABLE={sys.executable}",
    ],
)
