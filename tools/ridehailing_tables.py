"""The cells of the tables of `results_ridehailing`: a company alone, with local and with remote feedback, on New York's rides.

    python tools/ridehailing_tables.py choose     own weights, on validation days
    python tools/ridehailing_tables.py tables     every training that the tables do not have yet
    python tools/ridehailing_tables.py list       what there is and what is missing
    python tools/ridehailing_tables.py smoke      two kinds in a simulated city, tiny: does every wire hold?

Needs New York's trips (see nbs/42_city.ipynb). Rows are written as they come. Interrupted, the same command goes on.
"""

import functools
import tempfile

import torch
from tables import RESULTS, VERSION, digest, fill, listing, missing_cells, parser_of, read

from mgm.city import city_world
from mgm.experiments import RunFolder, sweep
from mgm.ridehailing import RideHailing, city_mixer, own_days, ride_line, trained_company, trips_of

TABLE, CHOICES = RESULTS / "ridehailing.csv", RESULTS / "ridehailing_choices.csv"
SPLITS = tuple(range(8))  # of the weeks; each is also the seed of its trainings
SCENARIOS, AREAS = ("low", "biased"), ("manhattan", "outer boroughs")
KINDS = {"own data alone": dict(feedback="none"), "marginal": dict(feedback="local", sees="y"), "conditional": dict(feedback="local", sees="y,peers"), "conditional, hears its peers": dict(feedback="local", sees="y,peers", hears=True)}
CHOOSING_SPLITS = SPLITS[:4]  # whose validation days decide
OWN = (0.05, 0.2, 0.5, 0.8)


@functools.lru_cache(maxsize=len(SPLITS))
def parts_for(city: str, profile: str, split: int):
    "Trips, world and mixer: the same for many cells, and made once in a worker."
    setup = RideHailing(city=city, profile=profile)
    trips = trips_of(setup)
    world = city_world(trips, seed=split)
    with tempfile.TemporaryDirectory() as place:
        return trips, world, city_mixer(setup, world, RunFolder(place, {}))


def ride_cell(label: dict, folder: str, on: str, **settings) -> dict:
    "Train a company and measure it on the days `on`."
    torch.set_num_threads(1)
    setup = RideHailing(**settings)
    trips, world, mixer = parts_for(setup.city, setup.profile, setup.split)
    own = own_days(setup, trips, world)
    run = trained_company(setup, own, world, mixer, RunFolder(folder, setup.configuration()))
    known = dict(on=on, configuration=digest(dict(on=on, **settings)), version=VERSION)
    return settings | label | ride_line(setup, run, own, world, getattr(world, on)) | known


def cell(kind: str, on: str, split: int, **more) -> dict:
    "One training of New York."
    return dict(label=dict(kind=kind), on=on, city="new york", split=split, seed=split, **more)


def choosing_cells() -> list[dict]:
    "Every kind of learning with every own weight, judged by validation days."
    weights = lambda kind: OWN if "sees" in KINDS[kind] else (1.0,)
    return [cell(kind, "validation", split, scenario=scenario, area=area, own=own, **KINDS[kind]) for area in AREAS for split in CHOOSING_SPLITS for scenario in SCENARIOS for kind in KINDS for own in weights(kind)]


def mean_of(rows: list[dict], area: str, scenario: str, kind: str, own: float) -> float | None:
    "Mean distance to validation days over the splits of the choice; None until all were trained."
    found = [float(row["w1"]) for row in rows if (row["area"], row["scenario"], row["kind"], float(row["own"])) == (area, scenario, kind, own)]
    return sum(found) / len(found) if len(found) == len(CHOOSING_SPLITS) else None


def chosen(rows: list[dict], area: str, scenario: str, kind: str) -> float | None:
    "The own weight with the smallest mean distance; None until all were compared."
    means = {own: mean_of(rows, area, scenario, kind, own) for own in (OWN if "sees" in KINDS[kind] else (1.0,))}
    return None if None in means.values() else min(means, key=means.get)


def table_cells(rows: list[dict]) -> list[dict]:
    """All areas, scenarios and kinds, as far as weights are chosen.

    Beside them, in the last area, the weights of the first one: what does a weight do that was chosen elsewhere? And in the first area the paper's kind from afar.
    """
    cells = []
    for area, scenario, kind in ((area, scenario, kind) for area in AREAS for scenario in SCENARIOS for kind in KINDS):
        for own in dict.fromkeys((chosen(rows, area, scenario, kind), chosen(rows, AREAS[0], scenario, kind))):
            cells += [cell(kind, "test", split, scenario=scenario, area=area, own=own, **KINDS[kind]) for split in SPLITS if own is not None]
    for scenario in SCENARIOS:
        if own := chosen(rows, AREAS[0], scenario, "marginal"):
            cells += [cell("marginal, remote", "test", split, scenario=scenario, area=AREAS[0], own=own, **KINDS["marginal"] | dict(feedback="remote")) for split in SPLITS]
    return cells


def smoke(options) -> None:
    "Two kinds, in a folder of its own."
    with tempfile.TemporaryDirectory() as place:
        cells = [cell("smoke", "test", 0, feedback=feedback) | dict(city="simulated", profile="smoke") for feedback in ("none", "remote")]
        for row in sweep(ride_cell, cells, folder=place, workers=options.workers):
            print("ride-hailing", row["feedback"], f"{row['w1']:.3f}", sep="  ")


def main() -> None:
    "Parse and do."
    options = parser_of(__doc__, ("choose", "tables", "list", "smoke"), "runs/ridehailing/sweep").parse_args()
    say = lambda cell, rows: "  ".join(str(value) for name, value in cell.items() if name != "label") + f"  {rows[0]['w1']:.3f}"
    if options.what == "smoke":
        return smoke(options)
    if options.what == "choose":
        return fill(CHOICES, ride_cell, choosing_cells(), options.books, options.workers, say)
    cells = table_cells(read(CHOICES))
    if options.what == "list":
        return listing(cells, TABLE)
    if not missing_cells(cells, read(TABLE)):
        print("nothing is missing; where nothing is chosen yet, `choose` comes first")
    return fill(TABLE, ride_cell, cells, options.books, options.workers, say)


if __name__ == "__main__":
    main()
