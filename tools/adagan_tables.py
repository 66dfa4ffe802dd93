"""The cells of the tables of `results_adagan`: what is trained, with which settings, on which worlds.

    python tools/adagan_tables.py tables      every cell that nbs/results/adagan.csv does not have yet
    python tools/adagan_tables.py digits      AdaGAN on MNIST: nbs/results/adagan_digits.csv and a picture
    python tools/adagan_tables.py bridge      reweighting a newcomer's rows, and feedback on the same cell: nbs/results/adagan_bridge.csv
    python tools/adagan_tables.py list        what there is and what is missing
    python tools/adagan_tables.py smoke       one tiny cell of each kind: does every wire hold?

A cell of the first table is a number of modes, a family of trainings (independent GANs, TopKLast, boosted) and a slice of the 35 runs,
which are trained together. Rows are written as they come. Interrupted, the same command goes on; a cell begins again from its start.
"""

import tempfile
from pathlib import Path

from adagan_cells import bridge_cell, digit_cell, heap_cell
from tables import RESULTS, fill, listing, parser_of

from mgm.boosting import FAMILIES
from mgm.experiments import sweep

TABLE, DIGITS, BRIDGE = (RESULTS / f"adagan{name}.csv" for name in ("", "_digits", "_bridge"))
MODES = (10, 7, 5, 3, 2, 1)  # the most wanted first
RUNS = 35
SLICES = ((0, 18), (18, 17))  # number of the first run, and how many: the more together the cheaper, and a cell ends within minutes
SETTINGS = dict(steps=10, points=6400, iterations=1000, width=32, learning_rate=5e-3)  # chosen on worlds and seeds from 1000 on, which are in no table
SEEDS = list(range(8))  # of the bridge
WAYS = {  # the settings that the synthetic experiment has chosen on validation rows for own data alone, and for whitened feedback
    "own rows": dict(own=1.0, learning_rate=0.00106, steps=3),
    "through the mixer": dict(own=1.0, learning_rate=0.00106, steps=3),
    "feedback": dict(own=0.0446, learning_rate=0.000646, steps=1),
}


def heap_cells(modes=MODES, families=tuple(FAMILIES), slices=SLICES) -> list[dict]:
    "A slice of everything before the next slice."
    return [
        dict(label=dict(family=family), methods=",".join(FAMILIES[family]), modes=n, seed=begin, runs=runs, **SETTINGS)
        for begin, runs in slices for n in modes for family in families
    ]


def digit_cells() -> list[dict]:
    "One boosting."
    return [dict(label={}, pictures="nbs/images", source="mnist", seed=0, steps=3, points=10_000, iterations=3000, width=32, learning_rate=5e-4)]


def bridge_cells(scenarios=("bias-90", "bias-100")) -> list[dict]:
    "Two ways to reweight, and feedback, at a coupling of one half."
    mixer = str(RESULTS / "mixers" / "lite-beta0.5.safetensors")
    return [
        dict(label={}, way=way, scenario=scenario, seeds=SEEDS, beta=0.5, iterations=2500, points=10_000, mixer=mixer, **settings)
        for scenario in scenarios for way, settings in WAYS.items()
    ]


def smoke(options) -> None:
    "Tiny cells in folders of their own."
    tiny = dict(steps=2, points=200, iterations=40, width=16, learning_rate=2e-3)
    with tempfile.TemporaryDirectory() as place:
        heap = [dict(label=dict(family=family), methods=",".join(methods), modes=3, seed=7, runs=2, **tiny) for family, methods in FAMILIES.items()]
        for row in sweep(heap_cell, heap, folder=place, workers=options.workers):
            print(row["method"], f"T = {row['steps']}", f"run {row['run']}", f"coverage {row['coverage']:.2f}", sep="  ")
        digit = [dict(label={}, pictures=place, source="small", seed=0) | tiny | dict(points=300)]
        for row in sweep(digit_cell, digit, folder=place, workers=1):
            print("digits", f"T = {row['steps']}", f"{row['classes']} classes", f"sure {row['sure']:.2f}", sep="  ")
        assert (Path(place) / "adagan_digits.png").stat().st_size > 1000
        bridge = [cell | dict(profile="smoke", seeds=[0, 1], iterations=20, points=300, steps=min(2, cell["steps"])) for cell in bridge_cells(("bias-90",))]
        for row in sweep(bridge_cell, bridge, folder=place, workers=options.workers):
            print(row["way"], f"T = {row['steps']}", f"seed {row['seed']}", f"W1 {row['w1']:.2f}", f"in the corner {row['in_corner']:.2f}", sep="  ")


def main() -> None:
    "Parse and do."
    parser = parser_of(__doc__, ("tables", "digits", "bridge", "list", "smoke"), "runs/adagan/sweep")
    parser.add_argument("--modes", nargs="+", type=int, default=MODES, help="only these")
    parser.add_argument("--families", nargs="+", choices=tuple(FAMILIES), default=tuple(FAMILIES), help="only these")
    parser.add_argument("--scenarios", nargs="+", default=("bias-90", "bias-100"), help="of the bridge")
    options = parser.parse_args()
    cells = heap_cells(options.modes, options.families)
    if options.what == "smoke":
        return smoke(options)
    if options.what == "list":
        return [listing(*one) for one in ((cells, TABLE), (digit_cells(), DIGITS), (bridge_cells(options.scenarios), BRIDGE))][0]
    if options.what == "digits":
        say = lambda cell, rows: "\n".join(f"T = {row['steps']}: {row['classes']} classes, TVD {row['tvd']:.3f}, Fréchet {row['frechet']:.1f}" for row in rows)
        return fill(DIGITS, digit_cell, digit_cells(), options.books, 1, say)
    mean = lambda rows, key: sum(row[key] for row in rows) / len(rows)
    last = lambda rows: [row for row in rows if row["steps"] == max(row["steps"] for row in rows)]
    if options.what == "bridge":
        say = lambda cell, rows: f"{cell['scenario']} {cell['way']} W1 {mean(last(rows), 'w1'):.3f}"
        return fill(BRIDGE, bridge_cell, bridge_cells(options.scenarios), options.books, options.workers, say)
    say = lambda cell, rows: f"{cell['modes']} modes, {cell['label']['family']}, runs {cell['seed']} to {cell['seed'] + cell['runs'] - 1}: mean coverage {mean(last(rows), 'coverage'):.3f}"
    fill(TABLE, heap_cell, cells, options.books, options.workers, say)


if __name__ == "__main__":
    main()
