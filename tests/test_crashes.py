"""A training process dies: by SIGKILL at random moments, by a full disk, by Ctrl-C. Nothing may be lost or half-written."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import ROOT
from training_program import newcomer

from mgm.guards import read_checkpoint
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.roles import Mixer

PROGRAM = str(ROOT / "tests" / "training_program.py")
STEPS = 2_000


def start(environment, checkpoint, steps=STEPS, wrapper=()):
    "The training program in a process of its own, once it is training."
    process = subprocess.Popen([*wrapper, sys.executable, PROGRAM, str(checkpoint), str(steps)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith("at "), process.stderr.read()
    return process


@pytest.fixture(scope="module")
def uninterrupted():
    "The state of a run that nobody disturbed."
    torch.set_num_threads(1)
    return newcomer().fit(STEPS, every=7).state()  # "seconds" in it tells how fast this machine is


def assert_same(a, b, path="state"):
    "Two nested states agree to the last bit."
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            if key != "seconds":
                assert_same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for place, (x, y) in enumerate(zip(a, b)):
            assert_same(x, y, f"{path}[{place}]")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), path
    else:
        assert a == b, path


def test_ten_kills_change_nothing(tmp_path, environment, uninterrupted):
    "SIGKILL at ten random moments; the run that was picked up again each time ends with the same bits."
    checkpoint, luck, reached = tmp_path / "run", random.Random(), []
    for _ in range(10):
        process = start(environment, checkpoint, steps=10**9)  # would go on for ever
        time.sleep(luck.uniform(0, uninterrupted["seconds"] / 12))
        process.kill()
        process.communicate()
        reached.append(read_checkpoint(checkpoint)["step"] if checkpoint.exists() else 0)
    assert reached == sorted(reached) and 0 < reached[-1] < STEPS, f"the kills fell outside of the run: {reached}"
    process = start(environment, checkpoint)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and output.endswith("done\n"), errors
    assert_same(read_checkpoint(checkpoint), uninterrupted)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, environment):
    "When a checkpoint cannot be written, the run stops with one line, and the earlier one still loads."
    checkpoint = tmp_path / "run"
    newcomer().fit(14, checkpoint=checkpoint)
    good = checkpoint.read_bytes()
    limit = len(good) // 2048  # half of what is needed, in KiB
    command = f"ulimit -f {limit}; exec {sys.executable} {PROGRAM} {checkpoint} 100"
    process = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 1
    assert "SaveError: cannot write" in process.stderr and "the earlier file is unchanged" in process.stderr
    assert checkpoint.read_bytes() == good
    assert newcomer().resume(checkpoint).step == 14
    assert [file.name for file in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, environment, uninterrupted, number):
    "An interrupted run ends after a whole iteration, saved; the same command completes it."
    checkpoint = tmp_path / "run"
    process = start(environment, checkpoint)
    time.sleep(0.3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Interrupted: stopped at step" in errors and "the same command goes on from there" in errors
    assert 0 < read_checkpoint(checkpoint)["step"] < STEPS
    output, errors = start(environment, checkpoint).communicate(timeout=120)
    assert output.endswith("done\n"), errors
    assert_same(read_checkpoint(checkpoint)["networks"], uninterrupted["networks"])


def test_ctrl_c_at_papermill_saves_between_two_checkpoints(tmp_path, environment):
    "The terminal's Ctrl-C reaches papermill, which tells the kernel; the run inside saves before it goes."
    mixer = Mixer(mlp(6, 2, width=16), mlp(6, 1, width=16), WGANGP()).save(tmp_path / "mixer.safetensors")
    notebook, out = ROOT / "nbs" / "exp_synthetic.ipynb", tmp_path / "out"
    parameters = ["-p", "profile", "lite", "-p", "mixer", str(mixer), "-p", "out", str(out)]
    command = [sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "result.ipynb"), "--no-progress-bar", *parameters]
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test run started in the background would ignore Ctrl-C
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True, preexec_fn=heed, **quiet)
    deadline = time.monotonic() + 120
    while not (out / "alone.run").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) != 0
    step = read_checkpoint(out / "alone.run")["step"]
    assert step > 500 and step % 500, "no checkpoint was written at the interruption"
