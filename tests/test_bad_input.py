"""Bad parameters, files and folders, through papermill as a user gives them: exit 1, one line that names the offender, nothing lost."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.roles import Mixer

CASES = {
    "misspelt parameter": (dict(bta=0.5), "unknown parameter 'bta': did you mean 'beta'?"),
    "wrong type": (dict(beta="high"), "parameter 'beta' is 'high', a str: a number is needed"),
    "beta out of range": (dict(beta=1.5), "beta 1.5 is not a number from 0 to 1"),
    "unknown scenario": (dict(scenario="low32"), "unknown scenario 'low32': did you mean 'low-32'?"),
    "unknown rule": (dict(rule="combine"), "unknown rule 'combine': did you mean 'combined'?"),
    "unknown sees": (dict(sees="peers"), "unknown sees 'peers': did you mean 'y,peers'?"),
    "more rows than there are": (dict(scenario="low-2001"), "low set of 2001 rows: choose a whole number from 1 to 2,000"),
    "no such device": (dict(device="cuda:77"), "device 'cuda:77' is not available"),
    "no such mixer": (dict(mixer="nowhere.safetensors"), "no file nowhere.safetensors"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_parameter(case, papermill):
    "Papermill fails, and the last thing it says is the one line."
    parameters, message = CASES[case]
    process = papermill(**parameters)
    assert process.returncode == 1
    said = process.stderr.strip().splitlines()
    assert message in said[-1], process.stderr[-2000:]
    assert "Traceback (most recent call last)" not in "\n".join(said[-3:])


def mixer_file(folder, *, width=16, inputs=6, change=lambda content: content):
    "A saved mixer, spoilt by `change`."
    file = Mixer(mlp(inputs, 2, width=width), mlp(6, 1, width=width), WGANGP()).save(folder / "mixer.safetensors")
    file.write_bytes(change(file.read_bytes()))
    return file


def newer(content: bytes) -> bytes:
    "The same file, claiming a format that does not exist yet (same length, so that the header stays valid)."
    return content.replace(rb"\"format\": 1", rb"\"format\": 9")


@pytest.mark.parametrize(
    "spoilt, message",
    [
        (dict(change=lambda content: content[:-100]), "is truncated or not a safetensors file"),
        (dict(inputs=3), "the generator takes 3 inputs, which does not fit 4 conditions"),
        (dict(change=newer), "has format 9, this mgm reads up to 1"),
    ],
    ids=["truncated", "other shapes", "newer format"],
)
def test_bad_mixer(spoilt, message, papermill, tmp_path):
    "A mixer file that cannot be used stops the run before anything is trained."
    process = papermill(mixer=mixer_file(tmp_path, **spoilt))
    assert process.returncode == 1
    assert message in process.stderr.strip().splitlines()[-1], process.stderr[-2000:]


def contents(folder) -> dict:
    "Every file in a folder."
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_finished_folder(papermill, tmp_path):
    "Another configuration is refused by field, a checkpoint that was cut short by name; the same configuration finds everything done."
    out = tmp_path / "out"
    assert papermill().returncode == 0
    before = contents(out)

    process = papermill(beta=0.3)
    assert process.returncode == 1
    assert "was made with beta=0.5, this run has beta=0.3" in process.stderr.strip().splitlines()[-1]
    assert contents(out) == before

    assert papermill().returncode == 0
    assert json.loads((out / "result.json").read_text())["rows"] == json.loads(before["result.json"])["rows"]

    (out / "alone.run").write_bytes(before["alone.run"][:1000])
    process = papermill()
    assert process.returncode == 1
    assert "alone.run is truncated or not a checkpoint" in process.stderr.strip().splitlines()[-1]
    assert len((out / "alone.run").read_bytes()) == 1000


def test_help_lists_the_parameters():
    "The parameters are annotated, so that papermill can explain them."
    process = subprocess.run(
        [sys.executable, "-m", "papermill", "--help-notebook", str(ROOT / "nbs" / "exp_synthetic.ipynb")], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    assert "beta: float (default 0.5)" in process.stdout and "coupling between newcomer and mixer" in process.stdout


def test_without_an_output_path_the_notebook_goes_to_standard_output(tmp_path, environment):
    "The literal command, redirected."
    assert shutil.which("bash")
    command = f"{sys.executable} -m papermill {ROOT}/nbs/exp_synthetic.ipynb -p beta 0.5 -p profile smoke -p out {tmp_path}/out --no-progress-bar </dev/null"
    process = subprocess.run(["bash", "-c", command], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr[-2000:]
    assert json.loads(process.stdout)["nbformat"] == 4
