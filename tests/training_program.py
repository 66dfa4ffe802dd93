"""A small training that saves after every few steps and goes on from what it finds; the tests kill it.

usage: python training_program.py CHECKPOINT STEPS
"""

import sys
from pathlib import Path

import torch

from mgm.data import swiss_roll_world
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.roles import Agent, Feedback, Mixer
from mgm.rules import combined
from mgm.training import Run


def newcomer() -> Run:
    "A newcomer with feedback, everything small."
    world = swiss_roll_world(0.5, rows=2_000)
    mixer = Mixer(mlp(6, 2, width=16), mlp(6, 1, width=16), WGANGP(weight=1.0))
    back = Feedback(mixer, 0, world.train, mlp(4, 1, width=16), WGANGP(weight=1.0), sees="y,peers", whiten=True)
    agent = Agent(mlp(2, 2, width=16), mlp(2, 1, width=16), WGANGP(weight=0.1))
    return Run(agent, world.low(0, 32, seed=0), feedback=back, rule=combined(own=0.3), seed=5, batch=16, average=0.9)


def main() -> None:
    "Resume if there is a checkpoint, train to the end, say so."
    torch.set_num_threads(1)
    checkpoint, steps = Path(sys.argv[1]), int(sys.argv[2])
    run = newcomer()
    if checkpoint.exists():
        run.resume(checkpoint)
    print(f"at {run.step}", flush=True)
    run.fit(steps - run.step, every=7, checkpoint=checkpoint)
    print("done", flush=True)


if __name__ == "__main__":
    main()
