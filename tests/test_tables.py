"""The tool that trains the tables: which cells there are, which are missing, and what is written."""

import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import synthetic_tables as synthetic  # noqa: E402
import tables  # noqa: E402
import timeseries_tables as series  # noqa: E402
from tables import digest, settings_of  # noqa: E402

from mgm.timeseries import CHOOSING  # noqa: E402

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


def tiny_cell(label: dict, seed: int) -> dict:
    "A cell that costs nothing."
    return dict(seed=seed, w1=seed / 10, configuration=digest(dict(seed=seed)))


def test_tables_grow_and_are_not_filled_twice(tmp_path):
    "One row a cell as it comes; what is there is not asked for again, even without the books."
    cells = [dict(label=dict(kind="tiny"), seed=seed) for seed in (1, 2, 3)]
    lines = []
    for part, books in ((cells[:2], "first"), (cells, "second")):
        tables.fill(tmp_path / "table.csv", tiny_cell, part, tmp_path / books, 1, lambda cell, rows: lines.append((cell["seed"], len(rows))) or "")
    assert [row["seed"] for row in tables.read(tmp_path / "table.csv")] == ["1", "2", "3"]
    assert lines == [(1, 1), (2, 1), (3, 1)]


def test_own_weights_are_chosen_on_a_seeds_own_validation_days_and_only_when_all_are_there():
    "Each seed by its own days; other data by the mean over the seeds; nothing while a weight is missing."
    names = [f"validation_{name}{end}" for name in CHOOSING for end in ("", "_pool")]
    row = lambda own, seed, score: dict(data="smard_2018", method="CM", scenario="low-64", own=str(own), seed=str(seed)) | {n: "1" if n.endswith("_pool") else str(score) for n in names}
    rows = [row(own, seed, score + (seed == 5) * (own == 0.5) * 9) for own, score in ((0.1, 3), (0.5, 2), (0.9, 4)) for seed in range(8)]
    choice = lambda rows, data="smard_2018", seed=0: series.own_choice(rows, data, "low-64", "CM", seed)
    assert [choice(rows, seed=seed) for seed in (0, 5)] == [0.5, 0.1] and choice(rows[:-1], seed=7) is None
    assert choice(rows, "es_fr_2018_2019") == 0.1 and choice(rows[:8], "es_fr_2018_2019") is None
    cells = [c for c in series.newcomer_cells("smard_2018", rows) if c.get("method") == "CM"]
    assert {c["seed"]: c["own"] for c in cells if c["scenario"] == "full"} == {seed: 0.1 if seed == 5 else 0.5 for seed in range(8)}
    assert len([c for c in cells if c["scenario"] == "season-64"]) == 8 * 3
    assert not [c for c in series.newcomer_cells("smard_2018", []) if c.get("method") == "CM" and c["scenario"] == "full"]


def test_newcomers_of_a_season_have_mixers_of_the_same_split():
    "Else the mixer would know days that are held out."
    files = {cell["file"]: cell for cell in series.mixer_cells("smard_2018")}
    for cell in series.newcomer_cells("smard_2018", []):
        if cell.get("mixer"):
            mixer = files[cell["mixer"]]
            assert mixer["split_seed"] == cell["split_seed"] and series.split_of(mixer["scenario"]) == series.split_of(cell["scenario"])


def test_two_tools_at_work_on_one_table_lose_nothing(tmp_path):
    "A row that came meanwhile stays, and a cell that both have done is there once."
    table = tmp_path / "table.csv"

    def say(cell, rows):
        if cell["seed"] == 1:  # the other tool writes while this one is at work
            tables.write(tables.read(table) + [tiny_cell({}, 2), tiny_cell({}, 9)], table)
        return ""

    tables.fill(table, tiny_cell, [dict(label={}, seed=seed) for seed in (1, 2)], tmp_path / "books", 1, say)
    assert sorted(row["seed"] for row in tables.read(table)) == ["1", "2", "9"]
