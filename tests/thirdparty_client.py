"""A newcomer that trains with a third party, to be killed and started again.

usage: python thirdparty_client.py URL TOKEN SESSION STEPS OUT
"""

import sys
from pathlib import Path

import torch

from mgm.data import swiss_roll_world
from mgm.nets import mlp
from mgm.objectives import WGANGP
from mgm.remote import RemoteFeedback
from mgm.roles import Agent
from mgm.rules import combined
from mgm.training import Run


def newcomer(url: str, token: str, session: str, **options) -> Run:
    "A small run with feedback from afar; the session's seed is fixed, so that two of them can be compared."
    agent = Agent(mlp(2, 2, width=16), mlp(2, 1, width=16), WGANGP(weight=0.1))
    back = RemoteFeedback(url, token, 0, name=session, seed=7, patience=60.0, **options)
    return Run(agent, swiss_roll_world(0.5, rows=2_000).low(0, 32, seed=0), feedback=back, rule=combined(own=0.3), seed=5, batch=16)


def main() -> None:
    "Train to the end, save, say so."
    torch.set_num_threads(1)
    url, token, session, steps, out = sys.argv[1:]
    run = newcomer(url, token, session)
    print("started", flush=True)
    for record in run.steps(int(steps)):
        if record.step % 10 == 0:
            print(record.step, flush=True)
    run.save(Path(out))
    print("done", flush=True)


if __name__ == "__main__":
    main()
