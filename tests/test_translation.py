"""A training of translators dies, by SIGKILL at random moments; the one that picks it up ends with the same bits."""

import random
import subprocess
import sys
import time

import torch
from conftest import ROOT
from test_crashes import assert_same
from translation_program import translation

from mgm.guards import read_checkpoint

PROGRAM, STEPS = str(ROOT / "tests" / "translation_program.py"), 60


def start(environment, checkpoint, steps):
    "The program in a process of its own, once it is training."
    command = [sys.executable, PROGRAM, str(checkpoint), str(steps)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("at "), process.stderr.read()
    return process


def test_kills_change_nothing(tmp_path, environment):
    "Three kills, then the end: networks, optimisers, pools, random streams and notes as if nothing had happened."
    torch.set_num_threads(1)
    uninterrupted = translation().fit(STEPS, every=3).state()
    checkpoint, luck, reached = tmp_path / "run", random.Random(), []
    for _ in range(3):
        process = start(environment, checkpoint, steps=10**9)  # would go on for ever
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(luck.uniform(0, uninterrupted["seconds"] / 6))
        process.kill()
        process.communicate()
        reached.append(read_checkpoint(checkpoint)["step"] if checkpoint.exists() else 0)
    assert reached == sorted(reached) and 0 < reached[-1] < STEPS, f"the kills fell outside of the run: {reached}"
    output, errors = start(environment, checkpoint, STEPS).communicate(timeout=120)
    assert output.endswith("done\n"), errors
    assert_same(read_checkpoint(checkpoint), uninterrupted)
    assert uninterrupted["pools"]["a"].shape == (10, 1, 16, 16)
