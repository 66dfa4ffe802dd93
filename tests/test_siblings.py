"""The sibling systems and the rides: the cells of their tables, tiny; and what a notebook does with bad input."""

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import commute_tables  # noqa: E402
import comparison_tables  # noqa: E402
import diwgan_tables  # noqa: E402
import ridehailing_tables  # noqa: E402
from tables import missing_cells  # noqa: E402

TINY = dict(iterations=10, width=8, batch=16, points=100)
CELLS = {
    "points": (diwgan_tables.hunt_cell, dict(world="cube", method="unrolled", seeds=[0, 1], profile="smoke")),
    "images": (diwgan_tables.image_cell, dict(world="small_digits", method="veegan", seeds=[0, 1], profile="smoke")),
    "committee": (commute_tables.commute_cell, dict(seeds=[0, 1], on="validation", data="small_digits", generators=2, judge="classifier", profile="smoke")),
    "ring": (comparison_tables.comparison_cell, dict(place="ring", way="AdaGAN", seeds=[0, 1], **TINY)),
    "roll": (comparison_tables.comparison_cell, dict(place="biased roll", way="ComMutE-GAN", seeds=[0, 1], **TINY)),
    "rides": (ridehailing_tables.ride_cell, dict(on="test", city="simulated", profile="smoke", split=1, seed=1, feedback="local", hears=True)),
}


def test_bad_input_ends_at_the_parameters(papermill, tmp_path):
    "Before a folder is made."
    process = papermill("exp_commutegan", generators=0)
    assert process.returncode != 0 and "generators 0" in process.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_is_found_again_by_its_row(name, tmp_path, monkeypatch):
    "One training of each kind through the function that the sweeps call; its rows say which cell they are of."
    monkeypatch.chdir(ROOT)
    function, settings = CELLS[name]
    rows = function(label=dict(kind="tiny"), folder=str(tmp_path), **settings)
    rows = rows if isinstance(rows, list) else [rows]
    assert not missing_cells([dict(label={}, **settings)], rows)
    assert missing_cells([dict(label={}, **settings | {"profile": "lite", "points": 101})], rows)
    assert [row["seed"] for row in rows] == settings.get("seeds", [settings.get("seed")])
