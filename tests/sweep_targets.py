"""Targets that workers of another process can import: quick, slow, and deadly ones."""

import os
import signal
import time
from pathlib import Path


def square(x, seconds=0.0):
    "x², after a while."
    time.sleep(seconds)
    return dict(square=x * x)


def deadly(x, folder, times=1):
    "Kills its own worker the first `times` it is called; x² after that."
    marks = Path(folder) / "deaths"
    dead = len(marks.read_text()) if marks.exists() else 0
    if dead < times and x == 1:
        marks.write_text("x" * (dead + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return dict(square=x * x)


def deadly_beside_slow(x, folder):
    "Cell 0 takes a second; cell 1 always kills its own worker."
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1.0)
    return dict(square=x * x)


def choosy(x):
    "x², but not of 2."
    if x == 2:
        raise ValueError("I do not like 2")
    return dict(square=x * x)
