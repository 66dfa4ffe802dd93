"""Sweeps over real workers: killed, restarted, damaged on disk, on one machine and on a Dask cluster of two processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sweep_targets

from mgm.basics import InputError
from mgm.experiments import SweepFailed, sweep

HERE = Path(__file__).parent
GRID = dict(x=list(range(6)))
SQUARES = [x * x for x in range(6)]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    "Workers find the targets."
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]))


def squares(rows):
    return [row["square"] for row in rows]


def starts(folder):
    return sorted(len(log.read_text().splitlines()) for log in Path(folder).rglob("starts.log"))


def whole_results(folder):
    "Every result on disk, read: none may be broken."
    return [json.loads(file.read_text())["result"]["square"] for file in Path(folder).rglob("result.json")]


def test_a_dead_worker_is_replaced(tmp_path):
    rows = sweep(sweep_targets.deadly, GRID, folder=tmp_path, workers=2, version="1")
    assert squares(rows) == SQUARES
    assert sorted(whole_results(tmp_path)) == SQUARES
    assert squares(sweep(sweep_targets.deadly, GRID, folder=tmp_path, workers=2, version="1")) == SQUARES


def test_a_cell_that_always_kills_its_worker_is_given_up_and_the_others_are_done(tmp_path):
    with pytest.raises(SweepFailed, match=r"1 of 6 cells failed.*'x': 1.*worker died 3 times"):
        sweep(sweep_targets.deadly, GRID | dict(times=[99]), folder=tmp_path, workers=2, version="1", retries=2)
    assert sorted(whole_results(tmp_path)) == [0, 4, 9, 16, 25]


def test_a_long_cell_does_not_die_with_its_neighbour(tmp_path):
    "A worker takes its own cell with it and no other."
    with pytest.raises(SweepFailed, match=r"1 of 2 cells failed.*'x': 1.*worker died 2 times"):
        sweep(sweep_targets.deadly_beside_slow, dict(x=[0, 1]), folder=tmp_path, workers=2, version="1", retries=1)
    assert whole_results(tmp_path) == [0] and starts(tmp_path) == [1, 2]


def test_workers_that_cannot_import_the_target_do_not_hang(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if Path(p) != HERE])
    with pytest.raises(SweepFailed, match="can they import sweep_targets"):
        sweep(sweep_targets.square, GRID, folder=tmp_path, workers=2, version="1", retries=1)


def test_a_failing_cell_is_named_and_tried_again_next_time(tmp_path):
    for _ in range(2):
        with pytest.raises(SweepFailed, match="ValueError: I do not like 2"):
            sweep(sweep_targets.choosy, GRID, folder=tmp_path, workers=2, version="1")
    assert starts(tmp_path) == [1, 1, 1, 1, 1, 2]


def test_half_a_result_is_not_a_result(tmp_path):
    sweep(sweep_targets.square, GRID, folder=tmp_path, workers=2, version="1")
    victim = next(tmp_path.rglob("result.json"))
    victim.write_text(victim.read_text()[:20])
    assert squares(sweep(sweep_targets.square, GRID, folder=tmp_path, workers=2, version="1")) == SQUARES
    assert starts(tmp_path) == [1, 1, 1, 1, 1, 2]


def test_another_version_of_the_program_is_another_cell(tmp_path):
    for version in ("1", "2", "2"):
        sweep(sweep_targets.square, GRID, folder=tmp_path, workers=2, version=version)
    assert starts(tmp_path) == [1] * 12


def test_a_misspelt_parameter_starts_nothing(tmp_path):
    with pytest.raises(InputError, match="did you mean 'seconds'"):
        sweep(sweep_targets.square, dict(x=[1], secnds=[0]), folder=tmp_path)
    assert not list(tmp_path.iterdir())


PROGRAM = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(HERE)!r})
import sweep_targets
from mgm.experiments import sweep
if __name__ == "__main__":
    sweep(sweep_targets.square, dict(x=list(range(8)), seconds=[1.0]), folder=sys.argv[1], workers=2, version="1")
"""


def started(tmp_path):
    "A program in the middle of a sweep: at least one cell is done."
    (tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen([sys.executable, str(tmp_path / "program.py"), str(tmp_path / "books")], stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.time() + 120
    while not list(tmp_path.rglob("result.json")) and time.time() < deadline:
        time.sleep(0.05)
    return process


def finished(tmp_path):
    "The same sweep again, to its end."
    return squares(sweep(sweep_targets.square, dict(x=list(range(8)), seconds=[1.0]), folder=tmp_path / "books", workers=2, version="1"))


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path):
    process = started(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and "of 8 cells done; the same command goes on from there" in errors
    assert 0 < len(whole_results(tmp_path)) < 8
    assert finished(tmp_path) == [x * x for x in range(8)]


def test_the_sweep_itself_is_killed_and_its_workers_begin_nothing_new(tmp_path):
    process = started(tmp_path)
    process.kill()
    process.wait(timeout=60)
    time.sleep(4)  # time for two more cells each, if they went on
    assert 0 < len(whole_results(tmp_path)) <= 4
    assert finished(tmp_path) == [x * x for x in range(8)]
    assert max(starts(tmp_path)) == 1  # what had begun was brought to its end


def test_a_dask_cluster_loses_a_worker_in_mid_sweep(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install mgm[dask]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, local_directory=str(tmp_path / "dask")) as cluster, distributed.Client(cluster) as client:
        killed = []

        def kill_one(parameters, result):
            if len(killed) == 0 and len(list((tmp_path / "books").rglob("result.json"))) >= 2:
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)

        rows = sweep(sweep_targets.square, dict(x=list(range(10)), seconds=[0.5]), client.get_executor(), tmp_path / "books", version="1", each=kill_one)
    assert killed, "no worker was killed"
    assert squares(rows) == [x * x for x in range(10)]
    assert sorted(whole_results(tmp_path / "books")) == [x * x for x in range(10)]
    assert max(starts(tmp_path / "books")) == 2  # what the dead worker had begun was begun again, and nothing more
    assert starts(tmp_path / "books").count(1) >= 8


def test_slurm_s_executor_runs_a_sweep(tmp_path):
    submitit = pytest.importorskip("submitit", reason="submitit is not installed: pip install mgm[slurm]")
    executor = submitit.AutoExecutor(tmp_path / "logs", cluster="local")
    executor.update_parameters(timeout_min=2)
    assert squares(sweep(sweep_targets.square, dict(x=[2, 3]), executor, tmp_path / "books", version="1")) == [4, 9]
