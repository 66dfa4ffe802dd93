"""Draw what Figure 2 of the paper draws: samples of the generators of seed 0, from the checkpoints that the tables left."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from synthetic_cells import one_cell
from synthetic_tables import all_cells, choices
from tables import RESULTS

from mgm.basics import InputError, stream, write_atomically
from mgm.experiments import cells_of
from mgm.guards import read_checkpoint
from mgm.nets import mlp
from mgm.plots import COLOURS, png
from mgm.synthetic import POSITION, Synthetic, data_of, world_of


def main() -> None:
    "One picture a scenario."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=Path, default=Path("runs/sweep"), help="folder of the sweep")
    parser.add_argument("--scenarios", nargs="+", default=["low-32", "bias-90"])
    parser.add_argument("--couplings", type=float, nargs="+", default=[0.1, 0.5])
    options = parser.parse_args()
    for scenario in options.scenarios:
        try:
            write_atomically(RESULTS.parent / "images" / f"figure2_{scenario}.png", picture(scenario, options.couplings, options.books))
        except InputError as error:  # rows of the tables outlive the checkpoints in runs/
            print(f"the picture of {scenario} stays as it is: {error}")


def samples(scenario: str, kind: str, beta: float, books: Path):
    "Points of the averaged generator of seed 0 of one cell of Table 1."
    (wanted,) = [c for c in all_cells(choices()) if c["label"] == dict(table="1", kind=kind) and c["scenario"] == scenario and c["beta"] == beta]
    (cell,) = cells_of(one_cell, [wanted], books, "1")
    state = read_checkpoint(cell.place / "newcomers.run")
    generator = mlp(2, 2, width=128)
    generator.load_state_dict(state["replicates"][0]["networks"]["averaged generator"])
    with torch.no_grad():
        return generator(torch.randn(2_000, 2, generator=stream(0, "sample")))


def picture(scenario: str, couplings: list[float], books: Path) -> bytes:
    "Truth, own rows and own data alone on the left, marginal above whitened on the right."
    setup = Synthetic(scenario=scenario, device="cpu")
    world = world_of(setup)
    figure, axes = plt.subplots(2, 2 + len(couplings), figsize=(2 * (2 + len(couplings)), 4.2), sharex=True, sharey=True, layout="constrained")
    panels = {(0, 0): ("truth", world.test.x[POSITION][:2_000], "real"), (1, 0): ("own rows", data_of(setup, world).own[:2_000], "data")}
    panels[0, 1] = ("own data alone", samples(scenario, "own data alone", 0.5, books), "alone")
    for place, beta in enumerate(couplings, start=2):
        for row, (kind, colour) in enumerate((("marginal", "marginal"), ("conditional, whitened", "feedback"))):
            panels[row, place] = (f"{kind.split(', ')[-1]}, β = {beta:g}", samples(scenario, kind, beta, books), colour)
    for place, (title, points, colour) in panels.items():
        axes[place].scatter(points[:, 0], points[:, 1], s=14 if len(points) < 200 else 1.2, color=COLOURS[colour], linewidths=0)
        axes[place].set_title(title, fontsize=9)
        axes[place].set_aspect("equal")
    axes[1, 1].axis("off")
    axes[0, 0].set(xlim=(-2.8, 2.8), ylim=(-2.8, 2.8))
    return png(figure, dpi=110)


if __name__ == "__main__":
    main()
