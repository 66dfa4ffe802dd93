"""Hourly tables that are wrong, tables that have holes, the files beside the project, and the one inside of the package."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from mgm.basics import InputError
from mgm.data import electricity
from mgm.days import hourly, midnights, read_table, shipped, whole_days

DATA = Path(os.environ.get("MGM_DATA", ROOT.parent / "shared" / "data")) / "electricity"
MARKET = dict(agents=["price_fr", "price_it"], mixer="price_ch", zone="Europe/Zurich")


def good_lines(days: int = 40) -> list[str]:
    "A sound file of whole local days from 1 March 2018 on, the change of clocks among them."
    begins = midnights(date(2018, 3, 1), date(2018, 3, 1) + timedelta(days=days - 1), "Europe/Zurich")
    times = pd.date_range(begins[0], begins[-1], freq="h", inclusive="left")
    prices = np.random.default_rng(0).normal(50, 10, (len(times), 3)).round(2)
    rows = [f"{time:%Y-%m-%dT%H:%M:%SZ},{a},{b},{c}" for time, (a, b, c) in zip(times, prices)]
    return ["datetime,price_fr,price_it,price_ch", *rows]


def cell(lines: list[str], line: int, place: int, text: str) -> list[str]:
    "The same file with one other cell; lines count from 1."
    fields = lines[line - 1].split(",")
    return [*lines[: line - 1], ",".join([*fields[:place], text, *fields[place + 1 :]]), *lines[line:]]


def time_of(lines: list[str], line: int) -> str:
    return lines[line - 1].split(",")[0]


def swapped(lines: list[str], line: int) -> list[str]:
    return [*lines[: line - 1], lines[line], lines[line - 1], *lines[line + 1 :]]


FAULTS = {
    "repeated time": (lambda s: [*s[:100], s[99], *s[100:]], lambda s: f"line 101: {time_of(s, 100)} stands already in market.csv, line 100: keep one"),
    "repeated time, far away": (lambda s: [*s, s[99]], lambda s: f"line {len(s) + 1}: {time_of(s, 100)} stands already in market.csv, line 100"),
    "out of order": (lambda s: swapped(s, 100), lambda s: f"line 101: {time_of(s, 100)} comes after {time_of(s, 101)}: sort"),
    "irregular time": (lambda s: cell(s, 100, 0, time_of(s, 100).replace(":00:00Z", ":20:00Z")), lambda s: "line 100: 2018-03-05T01:20:00Z is not a full hour"),
    "no time zone": (lambda s: cell(s, 100, 0, time_of(s, 100)[:-1]), lambda s: f"line 100, column 'datetime': '{time_of(s, 100)[:-1]}' has no time zone: write times in UTC"),
    "no time zone anywhere": (lambda s: [line.replace("Z,", ",") for line in s], lambda s: "line 2, column 'datetime': '2018-02-28T23:00:00' has no time zone"),
    "two time zones": (lambda s: cell(s, 100, 0, time_of(s, 100).replace("Z", "+01:00")), lambda s: "line 100, column 'datetime': '2018-03-05T01:00:00+01:00' has another offset"),
    "no time": (lambda s: cell(s, 100, 0, "monday"), lambda s: "line 100, column 'datetime': 'monday' is not a time"),
    "empty time": (lambda s: cell(s, 100, 0, ""), lambda s: "line 100, column 'datetime': '' is not a time"),
    "a unit in a cell": (lambda s: cell(s, 100, 1, "45 EUR"), lambda s: "line 100, column 'price_fr': '45 EUR' is not a number"),
    "a word": (lambda s: cell(s, 100, 3, "n/a"), lambda s: "line 100, column 'price_ch': 'n/a' is not a number"),
    "nan": (lambda s: cell(s, 100, 3, "nan"), lambda s: "line 100, column 'price_ch': 'nan' is not a finite number"),
    "infinity": (lambda s: cell(s, 100, 2, "-inf"), lambda s: "line 100, column 'price_it': '-inf' is not a finite number"),
    "decimal comma": (lambda s: cell(s, 100, 2, "45,5"), lambda s: "line 100: 5 fields, the header has 4"),
    "line cut off": (lambda s: [*s[:99], s[99][:25], *s[100:]], lambda s: "line 100: 2 fields, the header has 4"),
    "empty line": (lambda s: [*s[:99], "", *s[99:]], lambda s: "line 100: 0 fields, the header has 4"),
    "constant": (lambda s: [s[0], *[",".join([*line.split(",")[:2], "45.0", line.split(",")[3]]) for line in s[1:]]], lambda s: "column 'price_it' is constant (45 in all 936 hours)"),
    "empty column": (lambda s: [s[0], *[",".join([*line.split(",")[:2], "", line.split(",")[3]]) for line in s[1:]]], lambda s: "column 'price_it' has no value in any of its 959 rows"),
    "missing column": (lambda s: [s[0].replace("price_it", "price_at"), *s[1:]], lambda s: "no column 'price_it'; it has datetime, price_fr, price_at, price_ch"),
    "column twice": (lambda s: [s[0].replace("price_it", "price_fr"), *s[1:]], lambda s: "2 columns 'price_fr'"),
    "semicolons": (lambda s: [line.replace(",", ";") for line in s], lambda s: "not by semicolons"),
    "too few days": (lambda s: s[: 1 + 24 * 20], lambda s: "20 days of market.csv are too few: with validation=0.15 and test=0.25 one set has 3, and 4 is the least"),
    "no rows": (lambda s: s[:1], lambda s: "no rows"),
    "empty file": (lambda s: [], lambda s: "no header line"),
}


def written(folder, lines: list[str]) -> Path:
    file = folder / "market.csv"
    file.write_text("\n".join(lines) + "\n" if lines else "", encoding="utf-8")
    return file


def test_the_sound_file_is_taken(tmp_path):
    "Else every test of a fault below could pass by accident."
    world = electricity(written(tmp_path, good_lines()), **MARKET)
    assert world.about["days"] == 39 and world.about["dropped"] == {"clock change": ["2018-03-25"]}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault, tmp_path):
    "The message names the first offender by file, line, column and value."
    spoil, message = FAULTS[fault]
    lines = good_lines()
    with pytest.raises(InputError) as caught:
        electricity(written(tmp_path, spoil(lines)), **MARKET)
    assert "market.csv" in str(caught.value)
    assert message(lines) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_first_of_several_offenders_is_named(tmp_path):
    "Whatever their kinds."
    lines = cell(cell(good_lines(), 300, 0, "monday"), 200, 0, "2018-03-09T05:00:00")
    with pytest.raises(InputError, match="line 200"):
        electricity(written(tmp_path, lines), **MARKET)


def test_faults_in_columns_that_play_no_part(tmp_path):
    "Text in a market that is not asked for is not looked at, and neither is a hole."
    lines = cell(good_lines(), 100, 2, "n/a")
    world = electricity(written(tmp_path, lines), agents=["price_fr"], mixer="price_ch", zone="Europe/Zurich")
    assert world.about["days"] == 39


LINES = good_lines(30)


@settings(max_examples=25, deadline=None)
@given(hours=st.sets(st.integers(1, len(LINES) - 1), max_size=6), cells=st.sets(st.tuples(st.integers(1, len(LINES) - 1), st.integers(1, 3)), max_size=6))
def test_holes_cost_their_day_and_nothing_else(hours, cells, tmp_path_factory):
    "Days kept and days left out are the calendar; a kept day holds the file's numbers; nothing is filled in."
    lines = list(LINES)
    for line, place in cells:
        lines = cell(lines, line + 1, place, "")
    lines = [line for i, line in enumerate(lines) if i not in hours]
    table = hourly(read_table(written(tmp_path_factory.mktemp("holes"), lines)), ["price_fr", "price_it", "price_ch"])
    days = whole_days(table, "Europe/Zurich")
    left_out = [day for dates in days.dropped.values() for day in dates]
    known = table.index.tz_convert("Europe/Zurich")
    calendar = pd.date_range(known[0].date(), known[-1].date()).strftime("%Y-%m-%d").tolist()
    assert sorted(days.dates + left_out) == calendar
    torn = {time_of(LINES, i + 1) for i in hours} | {time_of(LINES, line + 1) for line, _ in cells}
    spoilt = {pd.Timestamp(time).tz_convert("Europe/Zurich").strftime("%Y-%m-%d") for time in torn} | {"2018-03-25"}
    assert set(left_out) == spoilt & set(calendar)
    sound = hourly(read_table(written(tmp_path_factory.mktemp("sound"), LINES)), days.columns).tz_convert("Europe/Zurich")
    for day, values in zip(days.dates, days.values):
        assert np.array_equal(values, sound.loc[day].to_numpy())


def test_other_offsets_are_the_same_moments(tmp_path):
    "A file in winter time all year round gives the same world as one in UTC."
    lines = good_lines()
    shifted = [lines[0]] + [f"{pd.Timestamp(time_of(lines, i)).tz_convert('Etc/GMT-1').isoformat()}{lines[i - 1][20:]}" for i in range(2, len(lines) + 1)]
    worlds = [electricity(written(tmp_path, text), **MARKET) for text in (lines, shifted)]
    assert torch.equal(worlds[0].train.y, worlds[1].train.y) and worlds[0].about["dates"] == worlds[1].about["dates"]


def beside(name: str) -> Path:
    "A file of the folder beside the project, which is not part of it."
    if not (DATA / name).is_file():
        pytest.skip(f"no {name} in ../shared/data (or in the folder that MGM_DATA names)")
    return DATA / name


SPANISH = [
    ("es_fr_2018_2019.csv", dict(agents=["price_fr", "price_es"]), 248, {"clock change": ["2019-03-31"], "value missing": ["2018-11-06", "2018-11-07"]}),
    ("es_fr_2018_2019.csv", dict(agents=["price_fr", "price_es", "price_de"]), 247, {"clock change": ["2019-03-31"], "value missing": ["2018-11-06", "2018-11-07", "2019-01-01"]}),
    ("es_fr_2018_2019.csv", dict(agents=["price_fr", "price_es", "price_nl"]), 247, {"clock change": ["2019-03-31"], "value missing": ["2018-11-06", "2018-11-07", "2019-01-01"]}),
    ("es_fr_pt_2022_2024.csv", {}, 1090, {"clock change": ["2022-03-27", "2022-10-30", "2023-03-26", "2023-10-29", "2024-03-31", "2024-10-27"]}),
    ("es_fr_pt_2022_2024.csv", dict(start="2023-11-05", end="2024-07-13"), 251, {"clock change": ["2024-03-31"]}),
    ("es_fr_pt_2020.csv", {}, 364, {"clock change": ["2020-03-29", "2020-10-25"]}),
]


@pytest.mark.parametrize("name, arguments, days, dropped", SPANISH, ids=["2018-2019", "2018-2019 de", "2018-2019 nl", "2022-2024", "2023-2024", "2020"])
def test_the_spanish_markets(name, arguments, days, dropped):
    "How many days there are, which are left out, and whose they are."
    world = electricity(beside(name), **arguments)
    assert world.about["zone"] == "Europe/Madrid" and world.mixer.startswith("demand_") and world.agents[:2] == ("price_fr", "price_es")
    assert (world.about["days"], world.about["dropped"]) == (days, dropped)
    assert len(world.train) + len(world.validation) + len(world.test) == days
    assert all(part.isfinite().all() and part.abs().max() < 1 for rows in (world.train, world.validation, world.test) for part in (*rows.x, rows.y))
    assert len(world.low(0, 124, seed=0)) == 124 and len(world.season(0, 64)) == 64


def test_portugal_cannot_be_had_for_the_papers_window():
    "The column is there and empty: an error that names the others, no silent choice of another market."
    with pytest.raises(InputError, match="'price_pt' has no value in any of its 6,023 rows: choose another, there are price_de, price_nl"):
        electricity(beside("es_fr_2018_2019.csv"))


def test_the_shipped_file_is_the_one_beside_the_project():
    "Below its two lines of attribution, byte for byte."
    notes, text = shipped("smard_2018").read_text(encoding="utf-8").split("datetime", 1)
    assert "Bundesnetzagentur | SMARD.de" in notes and "CC BY 4.0" in notes and notes.count("\n") == 2
    assert "datetime" + text == beside("smard_2018.csv").read_text(encoding="utf-8")


def test_the_data_travel_with_the_package(tmp_path, environment):
    "In the wheel and in the source archive, found from an installed copy."
    pytest.importorskip("setuptools", reason="a wheel is built with setuptools, which is not here")
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "mgm", "*.py", "*.ini", "*.in", "README.md", "LICENSE"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listing.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / "tree" / name)
    build = "from setuptools import build_meta as b; b.build_wheel('../out'); b.build_sdist('../out')"
    (tmp_path / "out").mkdir()
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path / "tree", capture_output=True, check=True, timeout=300)
    wheel, archive = next((tmp_path / "out").glob("*.whl")), next((tmp_path / "out").glob("*.tar.gz"))
    for file in ("datasets/smard_2018.csv", "datasets/README.md", "weights/digit_classifier.safetensors", "weights/digit_classifier.json", "weights/README.md"):
        assert f"mgm/{file}" in zipfile.ZipFile(wheel).namelist()
        assert any(name.endswith(f"/mgm/{file}") for name in tarfile.open(archive).getnames())
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    program = "import mgm.data as d, mgm.image_features as f; f.shipped_classifier(); w = d.electricity(); print(d.__file__, w.about['days'])"
    process = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={**environment, "PYTHONPATH": str(tmp_path / "installed")}, capture_output=True, text=True, timeout=120)
    assert process.stdout.split() == [str(tmp_path / "installed" / "mgm" / "data.py"), "363"], process.stderr[-2000:]
