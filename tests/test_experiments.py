"""Every experiment's notebook, from top to bottom in its smallest profile."""

import csv
import json

import nbformat
import pytest
from conftest import ROOT

NOTEBOOKS = sorted(path.stem for path in (ROOT / "nbs").glob("exp_*.ipynb"))
SMALLEST = {  # data that is always there
    "exp_fewshot": dict(data="small_digits", mixer_images=60),
    "exp_commutegan": dict(data="small_digits", judge="clusters", generators=2),
    "exp_imagehunt": dict(world="small_digits"),
    "exp_ridehailing": dict(city="simulated"),
}


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_smoke(notebook, papermill, tmp_path):
    "It runs, writes its result twice, and leaves neither warnings nor progress bars nor machine paths in the saved page."
    process = papermill(notebook, **SMALLEST.get(notebook, {}))
    assert process.returncode == 0, process.stderr[-3000:]
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    table = list(csv.DictReader((tmp_path / "out" / "result.csv").open()))
    assert len(table) == len(result["rows"]) >= 2 and result["configuration"]["profile"] == "smoke"
    outputs = [output for cell in nbformat.read(tmp_path / "result.ipynb", 4).cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert str(tmp_path) not in json.dumps(outputs)


@pytest.mark.parametrize("parameters", [dict(scenario="bias-90", rule="alternate", own=0.2, sees="y", whiten=False), dict(scenario="full", sees="y,x", beta=0)])
def test_other_settings(parameters, papermill, tmp_path):
    "Scenarios, rules and kinds of feedback that the default does not touch."
    process = papermill(**parameters)
    assert process.returncode == 0, process.stderr[-3000:]
    rows = json.loads((tmp_path / "out" / "result.json").read_text())["rows"]
    printed = [row["printed"] for row in rows]
    assert printed == ([None, None] if parameters["scenario"] != "bias-100" else printed)
