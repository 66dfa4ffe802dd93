"""The cells of the tables of `results_timeseries`: what is trained, with which settings, on which days.

    python tools/timeseries_tables.py choose      batch normalisation, entropy and learning rate of own days alone, on splits that no table uses
    python tools/timeseries_tables.py mixers      the mixers, one a split and kind (Table A.2)
    python tools/timeseries_tables.py tables      every newcomer that the table does not have yet (Table 2)
    python tools/timeseries_tables.py list        what there is and what is missing
    python tools/timeseries_tables.py smoke       two methods on two splits, tiny: does every wire hold?

Each seed has its own split of the days and its own low set; all methods of a seed share them, so that they can be compared pair by pair.
Rows are written as they come. Interrupted, the same command goes on.
"""

import os
import tempfile
from pathlib import Path

from tables import RESULTS, digest, fill, listing, missing_cells, parser_of, read, settings_of, write
from timeseries_cells import day_cell, day_mixer

from mgm.experiments import cells_of, sweep
from mgm.timeseries import METHODS, RIDGES, choosing_score, preferred_own

TABLE = RESULTS / "timeseries.csv"
SCENARIOS = ("season-64", "low-64", "full", "half", "low-124")
SEEDS = 8
OWN = (0.1, 0.5, 0.9)  # own weights that are compared in the two scenarios below
COMPARED = ("season-64", "low-64")
LIKE = {"full": "low-64", "low-124": "low-64", "half": "low-64"}  # whose choice the others take: it has the same split of the days
OLD = Path(os.environ.get("MGM_DATA", "../shared/data")) / "electricity"
SPAIN = dict(data=str(OLD / "es_fr_2018_2019.csv"), agents="price_fr,price_es,price_nl")  # the paper's days, the Netherlands for Portugal
DATA = {"smard_2018": {}, "es_fr_2018_2019": SPAIN}  # settings; none for the shipped data
CHOSEN_ON = "smard_2018"  # whose own weights the other data take over


def kind_of(method: str) -> str:
    "Which mixer a method wants, as part of a file name."
    how = METHODS[method]
    return how.mixer_sees.replace(",", "+") + ("-reconstruction" if how.reconstruction else "")


def split_of(scenario: str) -> str:
    "How the days are split: around the season where there is one, else at random."
    return scenario if scenario.startswith("season") else "random"


def mixer_file(data: str, method: str, seed: int, scenario: str) -> str:
    "Where the mixer of a split is kept."
    return str(RESULTS / "mixers" / "days" / f"{data}-{split_of(scenario)}-{kind_of(method)}-{seed}.safetensors")


def own_choice(rows: list[dict], data: str, scenario: str, method: str, seed: int) -> float | None:
    """The own weight that a seed's validation days prefer; for other data, that of all seeds of `CHOSEN_ON` together.

    None until all weights have been trained.
    """
    same = lambda row: (row["data"], row["scenario"], row.get("method")) == (CHOSEN_ON, scenario, method) and (data != CHOSEN_ON or int(row["seed"]) == seed)
    return preferred_own([row for row in rows if same(row)], OWN)


def mixer_cells(data: str, seeds: int = SEEDS) -> list[dict]:
    "One mixer for each split and kind."
    kinds = {kind_of(method): method for method in reversed(METHODS) if METHODS[method].sees}
    return [
        dict(label=dict(data=data, kind=kind, split=split_of(scenario)), method=method, scenario=scenario, seed=seed, split_seed=seed, file=mixer_file(data, method, seed, scenario)) | DATA[data]
        for scenario in ("season-64", "full") for seed in range(seeds) for kind, method in sorted(kinds.items())
    ]


def newcomer_cells(data: str, rows: list[dict], seeds: int = SEEDS) -> list[dict]:
    "Regressions first, then own days alone, then every feedback with its own weights; all methods of a seed before the next seed."
    cells = []
    for scenario in SCENARIOS:
        for seed in range(seeds):
            where = dict(scenario=scenario, seed=seed, split_seed=seed) | DATA[data]
            cells += [dict(label=dict(data=data, kind=kind), ridge=kind, **where) for kind in RIDGES]
            for method, how in METHODS.items():
                mixer = dict(mixer=mixer_file(data, method, seed, scenario)) if how.sees else {}
                for own in own_weights(data, scenario, method, seed, rows):
                    cells.append(dict(label=dict(data=data, kind=method), method=method, own=own, **mixer, **where))
    return cells


def own_weights(data: str, scenario: str, method: str, seed: int, rows: list[dict]) -> list[float]:
    "The own weights with which a method is trained: all that are compared, or the one that was chosen in the most similar compared scenario."
    if not METHODS[method].sees:
        return [1.0]
    if scenario in COMPARED and data == CHOSEN_ON:
        return list(OWN)
    found = own_choice(rows, data, LIKE.get(scenario, scenario), method, seed)
    return [] if found is None else [found]


def mixers(options) -> None:
    "Train the mixers whose files are not there, also where the table knows them; their rows are written anew."
    path, cells = RESULTS / "timeseries_mixers.csv", mixer_cells(options.data, options.seeds)
    lost = [cell for cell in cells if not Path(cell["file"]).exists()]
    gone = {digest(settings_of(cell)) for cell in lost}
    for book in cells_of(day_mixer, lost, options.books, "1") if lost else ():  # `fill` keeps its books under this version
        (book.place / "result.json").unlink(missing_ok=True)
    if rows := read(path):
        write([row for row in rows if row["configuration"] not in gone], path)
    say = lambda cell, rows: f"mixer {cell['label']['split']} {cell['label']['kind']} seed {cell['seed']} CRPS {rows[0]['crps']:.3f}"
    fill(path, day_mixer, cells, options.books, options.workers, say)


def candidates() -> list[dict]:
    "The profile's settings, and each of them replaced by others in turn."
    return [{}, dict(batch_norm=True), *[dict(epsilon=share) for share in (0.02, 0.1)], *[dict(learning_rate=rate) for rate in (5e-4, 2e-3)]]


def choosing_cells() -> list[dict]:
    "Own days alone under every candidate, on splits that no table uses; their scores on validation days decide."
    return [dict(label=dict(data=CHOSEN_ON, kind="alone"), method="alone", own=1.0, scenario=scenario, seed=seed, split_seed=seed, **those) for scenario in COMPARED for seed in (100, 101) for those in candidates()]


def smoke(options) -> None:
    "A mixer and two newcomers on each of two splits, in a folder of its own."
    with tempfile.TemporaryDirectory() as place:
        small = dict(profile="smoke")
        for seed in (0, 1):
            file = f"{place}/mixer-{seed}.safetensors"
            sweep(day_mixer, [dict(label={}, seed=seed, split_seed=seed, file=file, **small)], folder=place, workers=1)
            cells = [dict(label={}, method=method, own=own, seed=seed, split_seed=seed, **mixer, **small) for method, own, mixer in (("alone", 1.0, {}), ("conditional", 0.5, dict(mixer=file)))]
            for row in sweep(day_cell, cells, folder=place, workers=options.workers):
                print(row["method"], f"seed {row['seed']}", f"ACE {row['ace']:.3f} (floor {row['ace_pool']:.3f})", sep="  ")


def main() -> None:
    "Parse and do."
    parser = parser_of(__doc__, ("choose", "mixers", "tables", "list", "smoke"), "runs/timeseries/sweep")
    parser.add_argument("--data", choices=tuple(DATA), default="smard_2018")
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, help="only these")
    parser.add_argument("--methods", nargs="+", default=None, help="only these")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    if options.what == "smoke":
        return smoke(options)
    if options.what == "mixers":
        return mixers(options)
    if options.what == "choose":
        say = lambda cell, rows: f"{cell['scenario']} seed {cell['seed']} {({k: cell[k] for k in ('batch_norm', 'epsilon', 'learning_rate') if k in cell})} {choosing_score(rows[0]):.3f}"
        return fill(RESULTS / "timeseries_choices.csv", day_cell, choosing_cells(), options.books, options.workers, say)
    if options.what == "list":
        return listing(wanted(options), TABLE)
    say = lambda cell, rows: f"{cell['label']['kind']} {cell['scenario']} own {cell.get('own', '')} seed {cell['seed']} ACE {rows[0]['ace']:.3f}"
    while missing_cells(wanted(options), read(TABLE)):  # what is chosen from the first scenarios adds cells of the others
        fill(TABLE, day_cell, wanted(options), options.books, options.workers, say)


def wanted(options) -> list[dict]:
    "The cells that the command line asks for, with the own weights that are chosen so far."
    cells = newcomer_cells(options.data, read(TABLE), options.seeds)
    return [c for c in cells if c["scenario"] in options.scenarios and (not options.methods or c["label"]["kind"] in options.methods)]


if __name__ == "__main__":
    main()
