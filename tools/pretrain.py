"""Train the source and the mixer of the experiment with few images, and write down how they were made and how good they are.

    python tools/pretrain.py source     the generator of digits, and its critic
    python tools/pretrain.py mixer      the translator to striped digits, and their critic
    python tools/pretrain.py measure    both, on validation images

Needs MNIST (`make digits`). About an hour for all three on one thread. Interrupted, the same command goes on.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mgm.basics import write_atomically  # noqa: E402
from mgm.experiments import RunFolder, watched  # noqa: E402
from mgm.image_data import ImageSet, mnist  # noqa: E402
from mgm.pretrained import FILES, HELD_BACK, PRETRAINING, measured, mixer_run, settling_run, source_run  # noqa: E402
from mgm.roles import Agent, Mixer  # noqa: E402

STORY = "digit_source_and_mixer.json"


def told(path: Path, part: str, facts: dict) -> None:
    "Add what is known of a part to the story of both."
    story = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_atomically(path, json.dumps(story | {part: story.get(part, {}) | facts}, indent=1) + "\n")


def train(part: str, digits: ImageSet, profile: str, seed: int, out: Path, folder: Path, device: str) -> None:
    "Train one of the two, save it, and write down how it was made."
    size = PRETRAINING[profile]
    runs = RunFolder(folder, {"profile": profile, "seed": seed, "source": digits.about["source"]})

    def fitted(name: str, run, planned: int):
        report = lambda run: print(f"{name}: iteration {run.step} of {planned}, {run.seconds:.0f} s", flush=True)
        return runs.fit(name, run, planned, every=min(500, planned), look=None if watched() else report)

    if part == "source":
        images = digits.train.without(*HELD_BACK).images
        first = fitted("source", source_run(images, size, seed, device), size.iterations)
        run = fitted("settling", settling_run(first, images, size), size.settling)
        role, planned, seconds = run.use_average().role, size.iterations + size.settling, first.seconds + run.seconds
    else:
        images, planned = digits.train.images, size.mixer_iterations
        run = fitted("mixer", mixer_run(images, size, seed, device), planned)
        role, seconds = run.mixer(), run.seconds
    out.mkdir(parents=True, exist_ok=True)
    role.save(out / FILES[part])
    known = f"all but {' and '.join(HELD_BACK)}" if part == "source" else "one half plain, the other half striped"
    told(out / STORY, part, {
        "trained on": f"{len(images):,} training images of {digits.about['source']}, {size.side} x {size.side}, {known}", "profile": profile, "seed": seed,
        "iterations": planned, "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in role.networks().items()},
        "seconds": round(seconds), "threads": torch.get_num_threads(), "torch": torch.__version__,
    })


def main() -> None:
    "Parse the command line and do what it says."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("source", "mixer", "measure"))
    parser.add_argument("--profile", choices=list(PRETRAINING), default="lite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "mgm" / "weights", help="folder for the weights")
    parser.add_argument("--folder", type=Path, default=None, help="folder for checkpoints; default: runs/pretrained-PROFILE-SEED")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    digits = mnist()
    if given.what == "measure":
        for part, facts in measured(Agent.load(given.out / FILES["source"]), Mixer.load(given.out / FILES["mixer"]), digits).items():
            told(given.out / STORY, part, {"validation": facts})
            print(part, json.dumps(facts, indent=1))
    else:
        folder = given.folder or ROOT / "runs" / f"pretrained-{given.profile}-{given.seed}"
        train(given.what, digits, given.profile, given.seed, given.out, folder, given.device)


if __name__ == "__main__":
    main()
