"""What the tests share: small training programs in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONG = ("test_experiments", "test_thirdparty", "test_crashes", "test_sweeps", "test_bad_input", "test_site", "test_translation", "test_siblings", "test_fewshot")


def pytest_collection_modifyitems(items: list) -> None:
    "Files that take minutes come first, so that no worker is left alone with one at the end."
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def environment() -> dict:
    "One thread, the library of this checkout, no colours."
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}


@pytest.fixture
def papermill(tmp_path, environment):
    "Run an experiment's notebook in its smallest profile; returns the finished process."

    def run(notebook: str = "exp_synthetic", **parameters) -> subprocess.CompletedProcess:
        settings = {"profile": "smoke", "out": str(tmp_path / "out")} | parameters
        flags = [part for name, value in settings.items() for part in ("-p", name, str(value))]
        command = [sys.executable, "-m", "papermill", str(ROOT / "nbs" / f"{notebook}.ipynb"), str(tmp_path / "result.ipynb"), "--no-progress-bar", *flags]
        return subprocess.run(command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)

    return run
