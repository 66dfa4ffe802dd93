"""The tool that trains the tables of AdaGAN: which cells there are, and that what was chosen on some worlds is reported on others."""

import sys

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import adagan_tables as adagan  # noqa: E402
from tables import digest, missing_cells, settings_of  # noqa: E402

from mgm.boosting import METHODS, Boosting  # noqa: E402


def test_the_table_is_whole():
    "Every run of every number of modes once in every family, and every method in one."
    cells = adagan.heap_cells()
    assert len({digest(settings_of(cell)) for cell in cells}) == len(cells)
    for modes in (1, 2, 3, 5, 7, 10):
        for family in adagan.FAMILIES:
            own = [cell for cell in cells if cell["modes"] == modes and cell["label"]["family"] == family]
            runs = [run for cell in own for run in Boosting(**settings_of(cell)).numbers]
            assert sorted(runs) == list(range(35)), (modes, family)
    named = [name for cell in cells for name in cell["methods"].split(",")]
    assert set(named) == set(METHODS) and all(Boosting(**settings_of(cell)).steps == 10 for cell in cells)


def test_a_done_cell_is_not_missing():
    "Its rows carry the digest of all settings that a cell has."
    cells = adagan.heap_cells((10,)) + adagan.digit_cells() + adagan.bridge_cells()
    done = [dict(configuration=digest(settings_of(cell))) for cell in cells[1:]]
    assert missing_cells(cells, done) == cells[:1]


def test_rows_of_every_kind_of_cell_have_the_digest_of_their_cell(tmp_path, monkeypatch):
    "Otherwise the tool would train it again and again."
    monkeypatch.chdir(ROOT)
    tiny = dict(steps=2, points=200, iterations=3, width=8)
    heap = dict(label=dict(family="boosted"), methods="boosted", modes=2, seed=3, runs=1, learning_rate=1e-3, **tiny)
    digits = dict(label={}, pictures=str(tmp_path), source="small", seed=0, learning_rate=1e-3, **tiny)
    bridge = dict(adagan.bridge_cells(("bias-90",))[0], profile="smoke", seeds=[0, 1], steps=2, points=200, iterations=3)
    for target, cell in ((adagan.heap_cell, heap), (adagan.digit_cell, digits), (adagan.bridge_cell, bridge)):
        rows = target(**cell)
        assert not missing_cells([cell], rows) and len({row["version"] for row in rows}) == 1
        assert {row["steps"] for row in rows} <= {1, 2}
    assert (tmp_path / "adagan_digits.png").exists()


def test_a_misspelt_parameter_ends_the_experiment(papermill):
    "By name, and with the name that was meant."
    process = papermill("exp_adagan", mods=3)
    assert process.returncode == 1 and "unknown parameter 'mods': did you mean 'modes'?" in process.stderr.strip().splitlines()[-1]
