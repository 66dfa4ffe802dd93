"""The tool that trains the tables: which cells there are, which are missing, and what is written."""

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import synthetic_tables as synthetic  # noqa: E402
import tables  # noqa: E402
from tables import digest, settings_of  # noqa: E402

CHOSEN = {(scenario, kind): dict(own=1.0 if kind == "own data alone" else 0.1, learning_rate=1e-3) for scenario in synthetic.SEEDS for kind in synthetic.KINDS}


def test_every_cell_is_wanted_once():
    "No two cells have the same settings, or the second would never be trained."
    digests = [digest(settings_of(cell)) for cell in synthetic.all_cells(CHOSEN)]
    assert len(digests) == len(set(digests)) > 100


@pytest.mark.parametrize("scenario", list(synthetic.SEEDS))
def test_table_1_is_whole(scenario):
    "Own data alone once, and three kinds of feedback at six couplings, with the promised seeds."
    cells = [cell for cell in synthetic.all_cells(CHOSEN) if cell["label"]["table"] == "1" and cell["scenario"] == scenario]
    assert len(cells) == 1 + 3 * 6 and {len(cell["seeds"]) for cell in cells} == {synthetic.SEEDS[scenario]}


def test_a_scenario_without_a_search_waits():
    "Nothing is trained with settings that nobody has chosen."
    chosen = {key: value for key, value in CHOSEN.items() if key[0] == "low-32"}
    assert {cell["scenario"] for cell in synthetic.all_cells(chosen)} == {"low-32"}


def test_done_cells_are_not_missing():
    cells = synthetic.all_cells(CHOSEN)[:3]
    assert tables.missing_cells(cells, [dict(configuration=digest(settings_of(cells[1])))]) == [cells[0], cells[2]]


def test_rows_with_another_setting_can_be_added(tmp_path):
    "An ablation names a setting that earlier rows do not; nothing is lost."
    file = tmp_path / "table.csv"
    tables.write([dict(seed=0, w1=0.1), dict(seed=1, batch=64, w1=0.2)], file)
    assert tables.read(file) == [dict(seed="0", w1="0.1", batch=""), dict(seed="1", w1="0.2", batch="64")]
