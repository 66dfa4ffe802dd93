"""The cells of the tables of `results_synthetic`: what is trained, with which settings, under how many seeds.

    python tools/synthetic_tables.py mixers      the six mixers, one a coupling (--profile paper: the three wide ones)
    python tools/synthetic_tables.py tables      every cell that nbs/results/synthetic.csv does not have yet
    python tools/synthetic_tables.py list        what there is and what is missing
    python tools/synthetic_tables.py smoke       2 scenarios x 2 couplings x 2 kinds, tiny: does every wire hold?

Rows are written as they come. Interrupted, the same command goes on: a cell whose rows are in the table is not trained again.
"""

import csv
import tempfile
from pathlib import Path

from synthetic_cells import one_cell, one_mixer
from tables import RESULTS, fill, listing, missing_cells, parser_of, read, write

from mgm.basics import write_atomically
from mgm.experiments import sweep

BETAS = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
WIDE_BETAS = (0.3, 0.7, 1.0)  # of the trainings at the published width
KINDS = {
    "own data alone": dict(own=1.0),
    "marginal": dict(sees="y", whiten=False, follow=False),
    "conditional": dict(sees="y,peers", whiten=False),
    "conditional, whitened": dict(sees="y,peers", whiten=True),
}
JOINT = dict(sees="y,x", whiten=False)  # what a joint critic of the paper's appendix sees; in the ablations only
SETS = {"low-32": (6128, 968, 1025), "low-64": (6160, 3304, 3786)}  # the low sets of Table A.1
SEEDS = {"low-32": 16, "bias-100": 16, "low-64": 8, "bias-90": 8}


def choices(path: Path = RESULTS / "synthetic_choices.csv") -> dict:
    "Own weight and learning rate that the search on validation rows has found, by (scenario, kind)."
    with open(path) as file:
        return {(row["scenario"], row["kind"]): dict(own=float(row["own"]), learning_rate=float(row["learning_rate"])) for row in csv.DictReader(file)}


def mixer_file(beta: float, profile: str) -> str:
    "Where the mixer of a coupling is kept."
    return str(RESULTS / "mixers" / f"{profile}-beta{beta:g}.safetensors")


def cell(table: str, scenario: str, kind: str, beta: float, seeds: int, chosen: dict, profile: str = "lite", rows_seeds=(0,), **more) -> dict:
    "One cell: a label for the table, and the arguments of `replicated`."
    settings = dict(scenario=scenario, beta=beta, profile=profile) | KINDS[kind] | chosen[scenario, kind] | more
    if settings["own"] < 1 and "mixer" not in settings:
        settings["mixer"] = mixer_file(beta, profile)
    return dict(label=dict(table=table, kind=kind), seeds=list(range(seeds)), rows_seeds=list(rows_seeds), **settings)


def grid(table: str, scenarios, betas, chosen: dict, seeds=None, **more) -> list[dict]:
    "Every kind at every coupling; own data alone once a scenario, since it does not know the coupling."
    wanted = [(scenario, "own data alone", 0.5) for scenario in scenarios]
    wanted += [(scenario, kind, beta) for scenario in scenarios for beta in betas for kind in list(KINDS)[1:]]
    return [cell(table, *one, seeds or SEEDS[one[0]], chosen, **more) for one in wanted if one[:2] in chosen]  # others wait for their search


def all_cells(chosen: dict) -> list[dict]:
    "Every cell of every table, the most wanted first."
    first = (0.5, 0.1, 1.0, 0.3, 0.0, 0.7)
    cells = grid("1", ("low-32", "bias-100"), first, chosen)
    cells += ablations(chosen)
    cells += grid("1", ("low-64", "bias-90"), first, chosen)
    cells += [c for c in grid("4", ("bias-100", "low-64"), first, chosen, seeds=8, rule="alternate") if c["label"]["kind"] != "own data alone"]
    for scenario, sets in SETS.items():
        cells += grid("A.1", (scenario,), first, chosen, seeds=4, rows_seeds=sets)
    return cells + grid("512 wide", ("low-32", "bias-100"), WIDE_BETAS, chosen, seeds=4, profile="paper")


def ablations(chosen: dict, seeds: int = 8) -> list[dict]:
    "One thing changed at a time, low-32 at coupling 0.5, and no harm at coupling 0."
    if any(("low-32", kind) not in chosen for kind in KINDS):
        return []
    changes = {
        "penalty on y only": dict(penalise="y"), "shared noise": dict(noise="shared"), "oracle mixer": dict(mixer="oracle"), "batch of 64": dict(batch=64),
        "critic sees y and all agents, fresh": JOINT, "critic sees y and all agents, the mixer's own": JOINT | dict(critic="mixer"),
    }
    cells = [cell(f"ablation: {name}", "low-32", "conditional, whitened", 0.5, seeds, chosen, **change) for name, change in changes.items()]
    for one in cells:
        one["label"]["kind"] = "joint" if one["sees"] == "y,x" else one["label"]["kind"]
    cells.append(cell("ablation: shared noise", "low-32", "marginal", 0.5, seeds, chosen, noise="shared"))
    cells.append(cell("ablation: oracle mixer", "low-32", "marginal", 0.5, seeds, chosen, mixer="oracle"))
    for kind in ("conditional", "conditional, whitened"):
        cells.append(cell("ablation: weight does not follow the coupling", "low-32", kind, 0.0, seeds, chosen, follow=False))
    return cells


def mixers(options) -> None:
    "Train what is missing, and put it where the tables look for it."
    betas = WIDE_BETAS if options.profile == "paper" else BETAS
    missing = [dict(beta=beta, profile=options.profile) for beta in betas if not Path(mixer_file(beta, options.profile)).exists()]
    path = RESULTS / "synthetic_mixers.csv"

    def keep(parameters: dict, result: dict) -> None:
        write_atomically(Path(mixer_file(**parameters)), Path(result["file"]).read_bytes())
        same = lambda row: (float(row["beta"]), row["profile"]) == (parameters["beta"], parameters["profile"])
        write([row for row in read(path) if not same(row)] + [parameters | {k: v for k, v in result.items() if k != "file"}], path)

    if missing:
        sweep(one_mixer, missing, folder=options.books, workers=options.workers, version="2", each=keep)


def tables(options) -> None:
    "Train the cells whose rows are not in the table yet, and add their rows as they come."

    def say(parameters: dict, rows: list[dict]) -> str:
        mean = sum(row["w1"] for row in rows) / len(rows)
        return " ".join(map(str, [*parameters["label"].values(), parameters["scenario"], parameters["beta"], f"{mean:.3f}", f"{sum(row['seconds'] for row in rows):.0f} s"]))

    path = RESULTS / "synthetic.csv"
    fill(path, one_cell, missing_cells(chosen_cells(options), read(path))[: options.cells], options.books, options.workers, say)


def chosen_cells(options) -> list[dict]:
    "The cells that the command line asks for."
    cells = all_cells(choices())
    if options.tables:
        cells = [c for c in cells if c["label"]["table"].split(":")[0] in options.tables]
    return [c for c in cells if c["scenario"] in options.scenarios] if options.scenarios else cells


def smoke(options) -> None:
    "Eight tiny cells in a folder of their own, each with a mixer of its own; they print what they are worth: little."
    kinds = [dict(label=dict(table="smoke", kind=kind), **KINDS[kind]) for kind in ("marginal", "conditional, whitened")]
    cells = [dict(scenario=scenario, beta=beta, profile="smoke", own=0.1, seeds=[0, 1]) | kind for scenario in ("low-32", "bias-100") for beta in (0.3, 0.7) for kind in kinds]
    with tempfile.TemporaryDirectory() as place:
        rows = sweep(one_cell, cells, folder=place, workers=options.workers)
        again = sweep(one_cell, cells, folder=place, workers=options.workers)
    assert rows == again and len(rows) == 16, "the second sweep should find the first one's results"
    for row in rows:
        print(row["scenario"], row["beta"], row["kind"], f"seed {row['seed']}", f"{row['w1']:.3f}", sep="  ")


def main() -> None:
    "Parse and do."
    parser = parser_of(__doc__, ("mixers", "tables", "list", "smoke"), "runs/sweep")
    parser.add_argument("--profile", default="lite", help="of the mixers")
    parser.add_argument("--tables", nargs="+", default=None, help="only these, such as 1 4 A.1 ablation")
    parser.add_argument("--scenarios", nargs="+", default=None, help="only these")
    parser.add_argument("--cells", type=int, default=None, help="stop after so many cells")
    options = parser.parse_args()
    dict(mixers=mixers, tables=tables, list=lambda _: listing(chosen_cells(options), RESULTS / "synthetic.csv"), smoke=smoke)[options.what](options)


if __name__ == "__main__":
    main()
