"""The cells of the table of `results_diwgan`: four ways to train the same networks on four worlds of known modes.

    python tools/diwgan_tables.py choose     learning rates and weights, with seeds that the table does not use
    python tools/diwgan_tables.py tables     every training that the table does not have yet
    python tools/diwgan_tables.py images     the same on digits and on triples of digits, with default settings
    python tools/diwgan_tables.py list       what there is and what is missing
    python tools/diwgan_tables.py smoke      two methods on two worlds, tiny: does every wire hold?

Rows are written as they come. Interrupted, the same command goes on.
"""

import json
import tempfile

import torch
from tables import RESULTS, VERSION, digest, fill, listing, missing_cells, parser_of, read

from mgm.experiments import RunFolder, sweep
from mgm.image_hunt import ImageHunt, image_ground, image_hunt_line, image_hunted
from mgm.mode_hunt import HUNTERS, WORLDS, Hunt, ground_of, hunt_line, hunted_together

TABLE, CHOICES, IMAGES = RESULTS / "diwgan.csv", RESULTS / "diwgan_choices.csv", RESULTS / "diwgan_images.csv"
SEEDS, CHOOSING_SEEDS = 10, (100, 101)
RATES = (3e-4, 1e-3)
OPTIONS = {"gan": [{}], "veegan": [{}], "unrolled": [dict(imagined_rate=0.1), dict(imagined_rate=0.5)], "diw": [dict(alpha=0.1), dict(alpha=1.0), dict(alpha=10.0), dict(alpha=1.0, bandwidth=0.1)]}
DEEPER = 4  # hidden layers of generator and critic, for the table of deeper networks
VARIANTS = [*((method, 0) for method in HUNTERS), ("gan", DEEPER), ("diw", DEEPER)]  # method, depth
CHOSEN_ON = ("ring", "random")  # worlds on which settings are compared


def hunt_cell(label: dict, folder: str, seeds: list[int], **settings) -> list[dict]:
    "Train one method under some seeds together and count what each has caught; `training` has the looks on the way: iteration, modes, quality, divergence."
    torch.set_num_threads(1)
    setup = Hunt(device="cpu", **settings)
    ground = ground_of(setup)
    runs = hunted_together(setup, ground, RunFolder(folder, setup.configuration() | dict(seeds=seeds)), seeds)
    known = dict(together=len(seeds), configuration=digest(dict(seeds=seeds, **settings)), version=VERSION)
    looks = [json.dumps([[step, int(modes), round(quality, 4), round(jsd, 4)] for step, modes, quality, jsd in run.notes["caught"]]) for run in runs]
    return [settings | label | dict(seed=run.seed) | hunt_line(setup, run, ground) | dict(training=look) | known for run, look in zip(runs, looks)]


def image_cell(label: dict, folder: str, seeds: list[int], **settings) -> list[dict]:
    "The same on images; `training` has the looks on the way: iteration, kinds, divergence, distance."
    torch.set_num_threads(1)
    setup = ImageHunt(device="cpu", **settings)
    ground = image_ground(setup)
    runs = image_hunted(setup, ground, RunFolder(folder, setup.configuration() | dict(seeds=seeds)), seeds)
    known = dict(together=len(seeds), configuration=digest(dict(seeds=seeds, **settings)), version=VERSION)
    looks = [json.dumps([[step, kinds, *(round(value, 4) for value in more)] for step, kinds, *more in run.notes["caught"]]) for run in runs]
    return [settings | label | dict(seed=run.seed) | image_hunt_line(setup, run, ground) | dict(training=look) | known for run, look in zip(runs, looks)]


def image_cells(seeds: int = 3) -> list[dict]:
    "Digits and triples, all methods."
    return [dict(label={}, world=world, method=method, seeds=list(range(seeds))) for world in ("mnist", "stacked") for method in HUNTERS]


def candidates(method: str, depth: int) -> list[dict]:
    "The settings of a method that are compared."
    deep = dict(depth=depth) if depth else {}
    return [dict(learning_rate=rate) | more | deep for rate in RATES for more in OPTIONS[method]]


def choosing_cells() -> list[dict]:
    "Every candidate on the worlds and seeds of the comparison."
    return [dict(label={}, world=world, method=method, seeds=list(CHOOSING_SEEDS), **those) for method, depth in VARIANTS for those in candidates(method, depth) for world in CHOSEN_ON]


def chosen(rows: list[dict], method: str, depth: int) -> dict | None:
    "The settings with the largest mean of share of modes plus share of good samples; None until all were compared."
    scores, usual = [], dict(bandwidth=1.0, depth=0)
    same = lambda row, those: all(float(row.get(name) or usual[name]) == value for name, value in (usual | those).items())
    for those in candidates(method, depth):
        found = [row for row in rows if row["method"] == method and same(row, those)]
        if len(found) != len(CHOSEN_ON) * len(CHOOSING_SEEDS):
            return None
        scores.append(sum(float(row["modes"]) / float(row["of"]) + float(row["quality"]) for row in found) / len(found))
    return candidates(method, depth)[max(range(len(scores)), key=scores.__getitem__)]


def table_cells(rows: list[dict], seeds: int = SEEDS) -> list[dict]:
    "All worlds and methods, as far as settings are chosen."
    known = {variant: chosen(rows, *variant) for variant in VARIANTS}
    return [dict(label={}, world=world, method=variant[0], seeds=list(range(seeds)), **known[variant]) for variant in VARIANTS for world in WORLDS if known[variant]]


def smoke(options) -> None:
    "Two methods on two worlds, in a folder of its own."
    with tempfile.TemporaryDirectory() as place:
        cells = [dict(label={}, world=world, method=method, seeds=[0, 1], profile="smoke") for world in ("ring", "cube") for method in ("gan", "diw")]
        for row in sweep(hunt_cell, cells, folder=place, workers=options.workers):
            print(row["world"], row["method"], f"seed {row['seed']}", f"{row['modes']:.0f} of {row['of']} modes", sep="  ")
        tiny = dict(label={}, world="small_digits", method="diw", seeds=[0, 1], profile="smoke")
        for row in sweep(image_cell, [tiny], folder=place, workers=options.workers):
            print(row["world"], row["method"], f"seed {row['seed']}", f"{row['modes']} of {row['of']} kinds", sep="  ")


def main() -> None:
    "Parse and do."
    parser = parser_of(__doc__, ("choose", "tables", "images", "list", "smoke"), "runs/modes/sweep")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    say = lambda cell, rows: "  ".join(str(value) for name, value in cell.items() if name != "label") + "".join(f"  {row['modes']:.0f} of {row['of']} modes, quality {row['quality']:.3f}" for row in rows)
    if options.what == "smoke":
        return smoke(options)
    if options.what == "choose":
        return fill(CHOICES, hunt_cell, choosing_cells(), options.books, options.workers, say)
    if options.what == "images":
        say = lambda cell, rows: f"{cell['world']}  {cell['method']}" + "".join(f"  {row['modes']} of {row['of']}, {row['frechet']:.2f}" for row in rows)
        return fill(IMAGES, image_cell, image_cells(), options.books, options.workers, say)
    if options.what == "list":
        listing(image_cells(), IMAGES)
        return listing(table_cells(read(CHOICES), options.seeds), TABLE)
    if not missing_cells(table_cells(read(CHOICES), options.seeds), read(TABLE)):
        print("nothing is missing; where nothing is chosen yet, `choose` comes first")
    return fill(TABLE, hunt_cell, table_cells(read(CHOICES), options.seeds), options.books, options.workers, say)


if __name__ == "__main__":
    main()
