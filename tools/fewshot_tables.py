"""The cells of the tables of `results_fewshot`: what is trained, with which settings, from which shots.

    python tools/fewshot_tables.py choose      own weights and learning rates, on validation images and seeds that no table uses
    python tools/fewshot_tables.py tables      every newcomer that the table does not have yet (Tables 3 and 5)
    python tools/fewshot_tables.py theory      exact distances before and after the mixer
    python tools/fewshot_tables.py list        what there is and what is missing
    python tools/fewshot_tables.py smoke       two newcomers with scikit-learn's digits, tiny: does every wire hold?

Needs MNIST (`make digits`). Each seed has its own shots; all methods and rules of a seed share them, so that they can be compared pair by pair.
Rows are written as they come. Interrupted, the same command goes on.
"""

import tempfile

from fewshot_cells import few_shot_cell, repeating_cell, theory_cell
from tables import RESULTS, fill, listing, missing_cells, parser_of, read

from mgm.experiments import sweep
from mgm.images import METHODS

TABLE, CHOICES = RESULTS / "fewshot.csv", RESULTS / "fewshot_choices.csv"
SHOTS, TARGETS, SEEDS = (5, 10, 30), ("7", "4"), 5
RATES = {"finetune": (5e-4, 1e-3, 2e-3), "freezed": (5e-4, 1e-3, 2e-3), "fsgan": (2e-3, 5e-3, 2e-2)}  # learning rates that are compared without feedback
FEEDBACK = {  # own weights (shares of steps) and learning rates of the mixer-level critic that are compared, at the learning rate chosen before
    "combined": [dict(own=own, feedback_learning_rate=rate) for own, rate in ((0.1, 1e-3), (0.2, 2e-4), (0.2, 1e-3), (0.5, 1e-3))],
    "alternate": [dict(own=own, feedback_learning_rate=rate) for own, rate in ((0.2, 2e-4), (0.2, 1e-3), (0.5, 1e-3))],
}
CHOOSING = dict(target="7", shots=10)  # where they are compared
CHOOSING_SEEDS = (100, 101, 102)
NUMBERS = (5, 30, 100)  # of real images for the mixer-level critic; 1,000 are in the table anyway
REPEATED = "shots repeated"


def mean_score(rows: list[dict], **settings) -> float | None:
    "Mean Fréchet distance to the validation images of these settings; None unless all seeds are there."
    same = lambda row, name: row[name] == settings[name] if isinstance(settings[name], str) else float(row[name] or 0) == settings[name]
    found = [float(row["validation"]) for row in rows if all(same(row, name) for name in settings)]
    return sum(found) / len(found) if len(found) == len(CHOOSING_SEEDS) else None


def best(rows: list[dict], candidates: list[dict], **common) -> dict | None:
    "The candidate with the smallest mean; None unless all are compared."
    scores = [mean_score(rows, **common, **those) for those in candidates]
    return None if None in scores else candidates[min(range(len(scores)), key=scores.__getitem__)]


def chosen(rows: list[dict], method: str, rule: str) -> dict | None:
    "Learning rates and own weight of a method under a rule; None while their comparison is not complete."
    rate = best(rows, [dict(learning_rate=rate) for rate in RATES[method]], method=method, rule="none")
    if rate is None or rule not in FEEDBACK:
        return rate
    found = best(rows, FEEDBACK[rule], method=method, rule=rule, **rate)
    return None if found is None else rate | found


def choosing_cells(rows: list[dict]) -> list[dict]:
    "Learning rates without feedback first; own weights once these are chosen."
    cells = []
    for method in METHODS:
        settings = [dict(rule="none", learning_rate=rate) for rate in RATES[method]]
        if (found := chosen(rows, method, "none")) is not None:
            settings += [dict(rule=rule, **those, **found) for rule, candidates in FEEDBACK.items() for those in candidates]
        cells += [dict(label={}, method=method, seed=seed, **CHOOSING, **those) for those in settings for seed in CHOOSING_SEEDS]
    return cells


def table_cells(rows: list[dict], seeds: int = SEEDS) -> list[dict]:
    "Everything that the page shows, as far as it is chosen; all rules of a seed before the next seed."
    cells = []

    def add(part: str, seed: int, method: str, rule: str, **settings) -> None:
        if (found := chosen(rows, method, rule)) is not None:
            cells.append(dict(label=dict(part=part), seed=seed, method=method, rule=rule) | found | settings)

    for target in TARGETS:
        for seed in range(seeds):
            for shots in SHOTS:
                for method in METHODS:
                    for rule in ("none", *FEEDBACK):
                        add("table", seed, method, rule, target=target, shots=shots)
    for seed in range(seeds):
        for images in NUMBERS:
            add("number", seed, "finetune", "combined", target="7", shots=10, mixer_images=images)
        for shots in SHOTS:
            add("all", seed, "finetune", "combined", target="7", shots=shots, mixer_real="all")
        for rate in (5e-4, 2e-3):
            add("published schedule", seed, "finetune", "interleaved", target="7", shots=10, learning_rate=rate)
    return cells


def repeating_cells(seeds: int = SEEDS) -> list[dict]:
    "The generator that repeats its shots."
    return [dict(label=dict(part="table", method=REPEATED), seed=seed, target=target, shots=shots) for target in TARGETS for seed in range(seeds) for shots in SHOTS]


def smoke(options) -> None:
    "One newcomer alone and one with feedback, in a folder of its own."
    with tempfile.TemporaryDirectory() as place:
        small = dict(data="small_digits", profile="smoke", shots=5, mixer_images=50, label={})
        for row in sweep(few_shot_cell, [dict(rule=rule, **small) for rule in ("none", "combined")], folder=place, workers=options.workers):
            print(row["rule"], f"Fréchet {row['frechet']:.1f} (floor {row['frechet_floor']:.1f}, repeating {row['repeating']:.1f})", sep="  ")


def main() -> None:
    "Parse and do."
    parser = parser_of(__doc__, ("choose", "tables", "theory", "list", "smoke"), "runs/fewshot/sweep")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    if options.what == "smoke":
        return smoke(options)
    say = lambda cell, rows: "  ".join(str(cell[key]) for key in cell if key != "label") + f"  Fréchet {rows[0]['frechet']:.1f} (validation {rows[0]['validation']:.1f})"
    if options.what == "choose":
        while missing_cells(choosing_cells(read(CHOICES)), read(CHOICES)):  # learning rates that are chosen add own weights
            fill(CHOICES, few_shot_cell, choosing_cells(read(CHOICES)), options.books, options.workers, say)
        return None
    if options.what == "theory":
        cells = [dict(label={}, target="7", seed=seed, n=n) for n in (100, 300) for seed in range(8)]
        return fill(RESULTS / "fewshot_theory.csv", theory_cell, cells, options.books, options.workers, lambda cell, rows: f"{cell['n']} images, seed {cell['seed']}: {rows[0]['induced']:.3f}")
    if options.what == "list":
        return listing(table_cells(read(CHOICES), options.seeds), TABLE)
    fill(TABLE, repeating_cell, repeating_cells(options.seeds), options.books, options.workers, lambda cell, rows: f"{REPEATED} {cell['target']} {cell['shots']} {rows[0]['frechet']:.1f}")
    fill(TABLE, few_shot_cell, table_cells(read(CHOICES), options.seeds), options.books, options.workers, say)


if __name__ == "__main__":
    main()
