"""Train the table of the results page: coupling 0.5, 32 points, own data alone and three kinds of feedback, several seeds.

Rows are written as they come, and what is there already is not trained again.
"""

import argparse
import csv
import io
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from mgm.basics import write_atomically
from mgm.experiments import RunFolder
from mgm.synthetic import Synthetic, measured, mixer_score, trained_mixer, trained_newcomer, world_of

KINDS = {
    "own data alone": None,
    "marginal": dict(sees="y", whiten=False, own=0.1),
    "conditional": dict(sees="y,peers", whiten=False, own=0.1),
    "conditional, whitened": dict(sees="y,peers", whiten=True, own=0.1),
}


def one_row(base: Synthetic, kind: str, seed: int, mixer_file: str) -> dict:
    "Train one newcomer and measure it."
    setup = replace(base, seed=seed, mixer=mixer_file, **(KINDS[kind] or {}))
    world = world_of(setup)
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(place, setup.configuration())
        mixer = trained_mixer(setup, world, folder) if KINDS[kind] else None
        line = measured(setup, trained_newcomer(setup, world, mixer, folder), world)
    settings = {key: value for key, value in setup.configuration().items() if key != "mixer"}
    if KINDS[kind] is None:
        settings |= dict(own=1.0, sees="", whiten=False)
    return dict(kind=kind) | settings | line


def write(rows: list[dict], path: Path) -> None:
    "Replace the table by these rows in one step."
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def main() -> None:
    "Go through seeds and kinds."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file")
    parser.add_argument("--mixer", type=Path, default=Path("runs/first_table"), help="folder in which the mixer is trained and kept")
    parser.add_argument("--seeds", type=int, default=6, help="training seeds a kind")
    parser.add_argument("--beta", type=float, default=0.5, help="coupling")
    parser.add_argument("--scenario", default="low-32", help="what the newcomer has")
    parser.add_argument("--profile", default="lite", help="smoke, lite or paper")
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = Synthetic(beta=options.beta, scenario=options.scenario, profile=options.profile, device="cpu")
    world, folder = world_of(base), RunFolder(options.mixer, base.configuration())
    energy, marginal = mixer_score(trained_mixer(base, world, folder), world.test)
    print(energy, marginal, sep="\n", flush=True)
    rows = list(csv.DictReader(options.out.open())) if options.out.exists() else []
    done = {(row["kind"], int(row["seed"])) for row in rows}
    for seed in range(options.seeds):
        for kind in KINDS:
            if (kind, seed) not in done:
                rows.append(one_row(base, kind, seed, str(folder.path / "mixer.safetensors")))
                write(rows, options.out)
                print(kind, seed, f"{rows[-1]['w1']:.3f}", f"{rows[-1]['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
