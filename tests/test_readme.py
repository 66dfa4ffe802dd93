"""The numbers in the README are those of the file that a command made."""

import csv
import re

from conftest import ROOT

from mgm.experiments import interval


def test_the_table_is_the_file():
    "Each line of the README's table is the mean and interval of its rows, and the floor is the file's."
    rows = [row for row in csv.DictReader((ROOT / "nbs" / "results" / "synthetic.csv").open()) if (row["table"], row["scenario"], row["beta"]) == ("1", "low-32", "0.5")]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", text, flags=re.MULTILINE))
    for words, kind in {"own data alone": "own data alone", "feedback as in the paper (marginal)": "marginal", "feedback given the peers, whitened": "conditional, whitened"}.items():
        values = interval([row["w1"] for row in rows if row["kind"] == kind])
        assert table[words] == f"{values.mean:.3f} ± {values.high - values.mean:.3f}"
        assert f"over {values.n} training seeds" in text
    assert f"two samples of the truth are {float(rows[0]['w1_floor']):.3f} apart" in text.replace("\n", " ")
