"""The cells of the tables of `results_commutegan`: committees of generators before one critic, on digits.

    python tools/commute_tables.py choose     learning rates, on validation images, with seeds that the tables do not use
    python tools/commute_tables.py tables     every training that the tables do not have yet
    python tools/commute_tables.py list       what there is and what is missing
    python tools/commute_tables.py smoke      two judges, tiny: does every wire hold?

Rows are written as they come. Interrupted, the same command goes on.
"""

import functools
import tempfile

import torch
from tables import RESULTS, VERSION, digest, fill, listing, missing_cells, parser_of, read

from mgm.committees import Commute, committee_line, committee_world, trained_committees
from mgm.experiments import RunFolder, sweep

TABLE, CHOICES = RESULTS / "commutegan.csv", RESULTS / "commutegan_choices.csv"
SEEDS, CHOOSING_SEEDS = (0, 1, 2, 3), (100, 101)
RATES = (5e-4, 1e-3, 2e-3)
PUBLISHED_GAMMA = 12.2
WIDE = 336  # units at which a single generator has as many parameters as a committee of four


@functools.lru_cache(maxsize=4)
def world_for(data: str, judge: str, clusters: int, profile: str):
    "Digits with judge and reader: the same for many cells, and made once in a worker."
    return committee_world(Commute(data=data, judge=judge, clusters=clusters, profile=profile, device="cpu"))


def commute_cell(label: dict, folder: str, seeds: list[int], on: str, **settings) -> list[dict]:
    "Train one committee under some seeds together and measure each on the images `on`."
    torch.set_num_threads(1)
    setup = Commute(device="cpu", **settings)
    world = world_for(setup.data, setup.judge, setup.clusters, setup.profile)
    runs = trained_committees(setup, world, RunFolder(folder, setup.configuration() | dict(seeds=seeds)), seeds)
    known = dict(together=len(seeds), on=on, configuration=digest(dict(seeds=seeds, on=on, **settings)), version=VERSION)
    return [settings | label | dict(seed=seed) | committee_line(setup, run, world, getattr(world.digits, on)) | known for seed, run in zip(seeds, runs)]


def choosing_cells(profile: str) -> list[dict]:
    "Three learning rates, for a single generator and for four without a judge."
    return [dict(label={}, seeds=list(CHOOSING_SEEDS), on="validation", generators=n, judge="none", learning_rate=rate, profile=profile) for n in (1, 4) for rate in RATES]


def chosen_rate(rows: list[dict]) -> float | None:
    "The rate with the smallest mean logarithm of the distance; None until all were compared."
    by_rate = {rate: [torch.tensor(float(row["frechet"])).log() for row in rows if float(row["learning_rate"]) == rate] for rate in RATES}
    if any(len(found) < 2 * len(CHOOSING_SEEDS) for found in by_rate.values()):
        return None
    return min(by_rate, key=lambda rate: sum(by_rate[rate]) / len(by_rate[rate]))


def table_cells(rate: float | None, profile: str = "lite") -> list[dict]:
    "The paper's tables and sweeps, and the judge without labels."
    if rate is None:
        return []
    cell = lambda generators, judge="classifier", **more: dict(label={}, seeds=list(SEEDS), on="test", generators=generators, judge=judge, learning_rate=rate, profile=profile, **more)
    cells = [cell(1, "none"), cell(1, "none", width=WIDE), cell(2, "none"), cell(4, "none"), cell(5, "none")]  # concatenation alone
    cells += [cell(n, judge, gamma=PUBLISHED_GAMMA) for n in (4, 2) for judge in ("classifier", "clusters")]
    cells += [cell(2, judge, gamma=5.0) for judge in ("classifier", "clusters")]
    cells += [cell(n, gamma=PUBLISHED_GAMMA) for n in range(3, 11) if n not in (4, 5)]
    cells += [cell(n, "none") for n in (3, 6, 7, 8, 9, 10)]
    cells += [cell(5, gamma=float(gamma)) for gamma in (0.5, 1, 2, 5, 10, 11, PUBLISHED_GAMMA, 13, 14, 15, 20)]
    cells += [cell(5, gamma=20.0, fading="linear", gamma_end=5.0), cell(5, gamma=20.0, fading="sudden", until=20 / 70)]
    return cells


def smoke(options) -> None:
    "Two judges, in a folder of its own."
    with tempfile.TemporaryDirectory() as place:
        cells = [dict(label={}, seeds=[0, 1], on="test", data="small_digits", generators=2, judge=judge, profile="smoke") for judge in ("none", "clusters")]
        for row in sweep(commute_cell, cells, folder=place, workers=options.workers):
            print(row["judge"], f"seed {row['seed']}", f"separation {row['separation']:.2f}", sep="  ")


def main() -> None:
    "Parse and do."
    options = parser_of(__doc__, ("choose", "tables", "list", "smoke"), "runs/committees/sweep").parse_args()
    say = lambda cell, rows: "  ".join(str(value) for name, value in cell.items() if name != "label") + "".join(f"  {row['frechet']:.2f}/{row['separation']:.2f}" for row in rows)
    if options.what == "smoke":
        return smoke(options)
    if options.what == "choose":
        return fill(CHOICES, commute_cell, choosing_cells("lite"), options.books, options.workers, say)
    cells = table_cells(chosen_rate(read(CHOICES)))
    if options.what == "list":
        return listing(cells, TABLE)
    if not missing_cells(cells, read(TABLE)):
        print("nothing is missing; where nothing is chosen yet, `choose` comes first")
    return fill(TABLE, commute_cell, cells, options.books, options.workers, say)


if __name__ == "__main__":
    main()
