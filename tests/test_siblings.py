"""The sibling systems from the command line: their notebooks run, and end at bad input before anything is written."""

import json

import pytest

SMALL = dict(exp_diwgan=dict(world="grid"), exp_imagehunt=dict(world="small_digits"), exp_ridehailing=dict(city="simulated"), exp_commutegan=dict(data="small_digits", judge="clusters", generators=2))


@pytest.mark.parametrize("name", SMALL)
def test_the_notebook_runs(name, papermill, tmp_path):
    "And writes one row for the ordinary generator and one for the other."
    process = papermill(name, **SMALL[name])
    assert process.returncode == 0, process.stderr[-2000:]
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["configuration"]["profile"] == "smoke" and len(result["rows"]) == 2


@pytest.mark.parametrize(("name", "wrong", "said"), [("exp_diwgan", dict(world="torus"), "world"), ("exp_commutegan", dict(generators=0), "generators 0")])
def test_bad_input_ends_at_the_parameters(name, wrong, said, papermill, tmp_path):
    "Before a folder is made."
    process = papermill(name, **wrong)
    assert process.returncode != 0 and said in process.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()
