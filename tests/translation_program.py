"""A small training of translators that saves after every few steps and goes on from what it finds; the tests kill it.

usage: python translation_program.py CHECKPOINT STEPS
"""

import sys
from pathlib import Path

import torch

from mgm.basics import stream
from mgm.cyclegan import CycleGAN
from mgm.translators import patch_critic, resnet_translator


def translation() -> CycleGAN:
    "Two translators and two critics with everything switched on, everything small."
    chance = stream(0, "pictures")
    a, b = (torch.rand(rows, 1, 16, 16, generator=chance) * 2 - 1 for rows in (20, 30))
    translators = [resnet_translator(1, width=2, blocks=0, downsamplings=1) for _ in range(2)]
    critics = [patch_critic(1, width=2, layers=1) for _ in range(2)]
    return CycleGAN(*translators, *critics, a, b, seed=5, batch=2, pool=10, flip=True, load_size=18)


def main() -> None:
    "Resume if there is a checkpoint, train to the end, say so."
    torch.set_num_threads(1)
    checkpoint, steps = Path(sys.argv[1]), int(sys.argv[2])
    run = translation()
    if checkpoint.exists():
        run.resume(checkpoint)
    print(f"at {run.step}", flush=True)
    run.fit(steps - run.step, every=3, checkpoint=checkpoint)
    print("done", flush=True)


if __name__ == "__main__":
    main()
