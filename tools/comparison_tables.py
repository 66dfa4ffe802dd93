"""The cells of the table of `comparison`: five ways to use several generators, on two worlds, with the same numbers of steps and parameters.

    python tools/comparison_tables.py tables     every training that the table does not have yet
    python tools/comparison_tables.py list       what there is and what is missing
    python tools/comparison_tables.py smoke      two ways on two worlds, tiny: does every wire hold?

Rows are written as they come. Interrupted, the same command goes on.
"""

import tempfile
from dataclasses import dataclass
from time import perf_counter

import torch
from tables import RESULTS, VERSION, digest, fill, listing, missing_cells, parser_of, read
from torch import Tensor

from mgm.adagan import Mixture, boost_together, boosting, drawn
from mgm.basics import stream
from mgm.boosting import density_ratio
from mgm.commutegan import committee, commute_run, find_clusters
from mgm.data import World, standardised_world
from mgm.diwgan import diwgan_run, train_autoencoder
from mgm.experiments import sweep
from mgm.image_metrics import precision
from mgm.metrics import w1
from mgm.mode_metrics import covered_mass, modes_and_quality
from mgm.modes import Modes, ring
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.replicates import Replicates
from mgm.roles import Agent, Feedback, Mixer
from mgm.rules import combined
from mgm.synthetic import Synthetic, data_of, trained_mixer, world_of
from mgm.training import Run

TABLE, SEEDS, BETA = RESULTS / "comparison.csv", tuple(range(8)), 0.5
MIXER = "nbs/results/mixers/lite-beta0.5.safetensors"
MEMBERS = 4  # components of AdaGAN, generators of a committee
SETTINGS = dict(learning_rate=1e-3, average=0.99)


@dataclass(frozen=True)
class Budget:
    "What every way may use."

    iterations: int = 15_000  # steps of critics; a step of the generators after every fifth
    width: int = 128  # of a single generator, and of every critic
    batch: int = 64
    points: int = 2_000  # that are measured


@dataclass(frozen=True, eq=False)
class Place:
    "A world, and what the newcomer in it has."

    world: World  # the newcomer in front, one peer
    own: Tensor  # (rows, 2), its own rows
    mixer: Mixer | None  # trained; None: made when it is needed
    modes: Modes | None  # where they are known


def ring_place(budget: Budget) -> Place:
    "The ring of eight, 20,000 points, and a normal peer; the mixer's y is half of each."
    modes, rows = ring(), 24_000
    x = [modes.sample(rows, seed=0).float(), torch.randn(rows, 2, generator=stream(0, "peer"))]
    y = BETA * x[0] / x[0].std(0) + (1 - BETA) * x[1]
    world = standardised_world(x, y, torch.arange(rows).split([20_000, 2_000, 2_000]), ("ring", "peer"))
    return Place(world, world.train.x[0], None, modes)


def roll_place(budget: Budget) -> Place:
    "The Swiss roll of which the newcomer has lost nine tenths of the part with x > 0."
    setup = Synthetic(scenario="bias-90", beta=BETA, mixer=MIXER, device="cpu")
    world = world_of(setup)
    return Place(world, data_of(setup, world).own, trained_mixer(setup, world, None), None)


PLACES = {"ring": ring_place, "biased roll": roll_place}


def width_within(parameters: int) -> int:
    "The widest generator that has no more parameters than that."
    count = lambda width: sum(p.numel() for p in mlp(2, 2, width).parameters())
    return max(width for width in range(1, 513) if count(width) <= parameters)


def own_critic(budget: Budget):
    "As every way has it."
    return mlp(2, 1, budget.width)


def ordinary(place: Place, budget: Budget, seeds) -> list[Run]:
    "One generator, own rows."
    return [Run(Agent(mlp(2, 2, budget.width), own_critic(budget), WGANGP(weight=0.1)), place.own, seed=seed, batch=budget.batch, **SETTINGS) for seed in seeds]


def diw_runs(place: Place, budget: Budget, seeds) -> list[Run]:
    "DIW-GAN: one generator, an auto-encoder, paired distances."
    encoder = mlp(2, 2, budget.width, 2)
    train_autoencoder(encoder, mlp(2, 2, budget.width, 2), place.own, iterations=max(1, budget.iterations // 5))
    make = lambda seed: diwgan_run(place.own, mlp(2, 2, budget.width), own_critic(budget), encoder, batch=budget.batch, objective=WGANGP(weight=0.1), seed=seed, **SETTINGS)
    return [make(seed) for seed in seeds]


def committee_runs(place: Place, budget: Budget, seeds) -> list[Run]:
    "ComMutE-GAN: several small generators, judged by clusters of the own rows."
    width, judge = width_within(sum(p.numel() for p in mlp(2, 2, budget.width).parameters()) // MEMBERS), find_clusters(place.own, 8)
    make = lambda seed: commute_run(place.own, committee(mlp(2, 2, width), MEMBERS), own_critic(budget), judge, gamma=1.0 * MEMBERS, batch=budget.batch, objective=WGANGP(weight=0.1), seed=seed, **SETTINGS)
    return [make(seed) for seed in seeds]


def helped(place: Place, budget: Budget, seeds) -> list[Run]:
    "MGM: one generator, conditional and whitened feedback from a mixer that knows the world."
    mixer = place.mixer
    if mixer is None:
        mixer = Mixer(mlp(6, 2, budget.width), mlp(6, 1, budget.width), WGANGP(weight=1.0))
        run = Run(mixer, place.world.train, seed=0, batch=64, learning_rate=1e-3, average=0.99).fit(budget.iterations)
        mixer = Mixer(run.averaged, mixer.critic, mixer.objective, noise=2)
    back = lambda: Feedback(mixer, 0, place.world.train, mlp(4, 1, budget.width), WGANGP(weight=0.1), sees="y,peers", whiten=True)
    agent = lambda: Agent(mlp(2, 2, budget.width), own_critic(budget), WGANGP(weight=0.1))
    return [Run(agent(), place.own, feedback=back(), rule=combined(own=0.1), seed=seed, batch=budget.batch, **SETTINGS) for seed in seeds]


def adagan_mixtures(place: Place, budget: Budget, seeds) -> list[Mixture]:
    "AdaGAN: several small generators, one after the other, each with a share of the steps, on reweighted rows."
    width = width_within(sum(p.numel() for p in mlp(2, 2, budget.width).parameters()) // MEMBERS)
    points = place.own[torch.randperm(len(place.own), generator=stream(0, "points to weigh"))[:20_000]]

    def fit(requests) -> list[Run]:
        make = lambda seed, request: Run(Agent(mlp(2, 2, width), own_critic(budget), WGANGP(weight=0.1)), drawn(request, len(points), seed), seed=1000 * request.step + seed, batch=budget.batch, **SETTINGS)
        return Replicates([make(seed, request) for seed, request in zip(seeds, requests)]).fit(budget.iterations // MEMBERS).runs

    ratio = lambda mixture, t: density_ratio(points, mixture.sample(len(points), seed=t), seed=t)
    return boost_together([boosting(points, MEMBERS, ratio) for _ in seeds], fit)


WAYS = {"one generator": ordinary, "AdaGAN": adagan_mixtures, "DIW-GAN": diw_runs, "ComMutE-GAN": committee_runs, "MGM": helped}


def comparison_cell(label: dict, folder: str, place: str, way: str, seeds: list[int], **settings) -> list[dict]:
    "One way on one world, all seeds together."
    torch.set_num_threads(1)
    budget = Budget(**settings)
    ground, began = PLACES[place](budget), perf_counter()
    models = WAYS[way](ground, budget, seeds)
    if way != "AdaGAN":
        models = Replicates(models).fit(budget.iterations).runs
    seconds = round((perf_counter() - began) / len(seeds), 1)
    known = dict(seconds=seconds, configuration=digest(dict(place=place, way=way, seeds=seeds, **settings)), version=VERSION)
    return [label | dict(place=place, way=way, seed=seed) | settings | found(model, ground, budget) | known for seed, model in zip(seeds, models)]


def found(model, ground: Place, budget: Budget) -> dict:
    "Coverage, share of good samples and exact W1, each with what as many true rows reach."
    made, real, more = model.sample(budget.points, seed=0), ground.world.test.x[0][: budget.points], ground.world.validation.x[0][: budget.points]
    scores = {"w1": w1(made, real, more)}
    if ground.modes:
        seen = modes_and_quality(ground.world.scales[0].restore(made), ground.modes)
        scores |= {"coverage": seen.modes, "good": seen.quality}
    else:
        scores |= {"coverage": covered_mass(made, real, more), "good": precision(made, real, more)}
    line = {key: float(value) for name, score in scores.items() for key, value in ((name, score.value), (f"{name}_floor", score.floor))}
    return line | ({name: line[name] / len(ground.modes) for name in ("coverage", "coverage_floor")} if ground.modes else {})


def table_cells(seeds=SEEDS) -> list[dict]:
    "Every way on every world."
    return [dict(label={}, place=place, way=way, seeds=list(seeds)) for place in PLACES for way in WAYS]


def smoke(options) -> None:
    "Two ways in a folder of its own."
    with tempfile.TemporaryDirectory() as folder:
        cells = [cell | dict(iterations=20, width=8, batch=16, points=200) for cell in table_cells((0, 1)) if cell["way"] in ("AdaGAN", "MGM")]
        for row in sweep(comparison_cell, cells, folder=folder, workers=options.workers):
            print(row["place"], row["way"], f"seed {row['seed']}", f"W1 {row['w1']:.2f}", sep="  ")


def main() -> None:
    "Parse and do."
    options = parser_of(__doc__, ("tables", "list", "smoke"), "runs/comparison/sweep").parse_args()
    say = lambda cell, rows: f"{cell['place']}  {cell['way']}" + "".join(f"  {row['w1']:.3f}" for row in rows)
    if options.what == "smoke":
        return smoke(options)
    if options.what == "list":
        return listing(table_cells(), TABLE)
    if not missing_cells(table_cells(), read(TABLE)):
        print("nothing is missing")
    return fill(TABLE, comparison_cell, table_cells(), options.books, options.workers, say)


if __name__ == "__main__":
    main()
