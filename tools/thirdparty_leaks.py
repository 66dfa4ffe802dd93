"""What a third party's answers give away, and what clipping and noise cost: two attacks, and a newcomer in earnest.

Writes what the page `thirdparty_leaks` shows.  usage: python tools/thirdparty_leaks.py [--out nbs/results/thirdparty_leaks.json]
"""

import argparse
import json
import tempfile
import time

import torch
from scipy.optimize import least_squares
from torch import nn
from torch.nn.functional import softplus

from mgm.basics import stream, write_atomically
from mgm.data import Rows, swiss_roll_world
from mgm.metrics import w1
from mgm.nets import mlp
from mgm.objectives import WGANGP, NonSaturating
from mgm.penalty import KnownGradient
from mgm.roles import Agent, Feedback, Mixer
from mgm.rules import combined
from mgm.sessions import Settings, Terms, ThirdParty, guarded
from mgm.training import Run
from mgm.wire import Drawing, pack, unpack

BETA, PLACE, SPREAD = 0.7, torch.tensor([1.5, -0.8]), torch.tensor([0.6, 1.3])  # the newcomer's part of the secret world
GUARDS = {"as it is": (0.0, 0.0), "clipped": (0.5, 0.0), "noise 1": (0.5, 1.0), "noise 4": (0.5, 4.0), "noise 16": (0.5, 16.0)}
STEPS = (300, 1000, 2000)


class Sum(nn.Module):
    "The mixer: y = 0.7 x_1 + 0.3 x_2, as anybody may know."

    inputs, outputs = 4, 2

    def forward(self, x):
        return BETA * x[:, :2] + (1 - BETA) * x[:, 2:]


def secret_world(rows: int = 20_000) -> Rows:
    "A roll that somebody moved and stretched, a normal peer, and their sum."
    roll = swiss_roll_world(BETA, rows=rows).train.x[0] * SPREAD + PLACE
    peer = torch.randn(rows, 2, generator=stream(0, "peer"))
    return Rows((roll, peer), BETA * roll + (1 - BETA) * peer)


class Guarded(Feedback):
    "A local feedback whose gradients are guarded as a third party would; no network, so that many trainings fit into minutes."

    clip, sigma, luck = 0.0, 0.0, None

    def generator_loss(self, samples, draw):
        leaf = samples.detach().requires_grad_()
        loss = super().generator_loss(leaf, draw)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return KnownGradient.apply(loss.detach(), [guarded(gradient, self.clip, self.sigma, self.luck)], samples).clone()


def feedback(world: Rows, guard: tuple, seed: int, sees: str = "y") -> Guarded:
    "Feedback with a guard."
    critic = mlp(2 if sees == "y" else 4, 1, width=32)
    back = Guarded(Mixer(Sum(), mlp(6, 1, width=8), WGANGP()), 0, world, critic, WGANGP(weight=1.0), sees=sees)
    back.clip, back.sigma, back.luck = *guard, stream(seed, "noise on answers")
    return back


def errors(y: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    "Of the mean, in standard deviations of the truth; of the spread, as a share. The larger one of the dimensions."
    mean = (y.mean(0) - truth.mean(0)).abs() / truth.std(0)
    return mean.max().item(), (y.std(0) / truth.std(0) - 1).abs().max().item()


def by_training(world: Rows, guard: tuple, seed: int) -> list:
    "Attack 1: no data at all, feedback alone; push what comes out through the sum, with a made-up peer."
    agent = Agent(mlp(2, 2, width=32), mlp(2, 1, width=8), WGANGP())
    run = Run(agent, torch.randn(64, 2, generator=stream(seed, "made up")), feedback=feedback(world, guard, seed), rule=combined(own=0.0), seed=seed, batch=64, learning_rate=1e-3, average=0.98)
    found = []
    for record in run.steps(max(STEPS)):
        if record.step in STEPS:
            y = BETA * run.sample(8000, seed=1) + (1 - BETA) * torch.randn(8000, 2, generator=stream(1, "made-up peer"))
            found.append([record.step, *errors(y, world.y)])
    return found


def in_earnest(world: Rows, guard: tuple | None, seed: int) -> float:
    "A newcomer with 16 rows, and feedback given the peers where there is a guard: distance to its true distribution in the end."
    held_out, few = world.x[0][:2000], world.x[0][-16:]
    agent = Agent(mlp(2, 2, width=32), mlp(2, 1, width=32), WGANGP(weight=0.1))
    back = None if guard is None else feedback(world, guard, seed, sees="y,peers")
    run = Run(agent, few, feedback=back, rule=combined(own=1.0 if guard is None else 0.2), seed=seed, batch=64, learning_rate=1e-3, average=0.98)
    return w1(run.fit(max(STEPS)).sample(2000, seed=1), held_out).value


def by_known_critics(world: Rows, known: bool, sessions: int, seed: int) -> tuple[float, float]:
    """Attack 2: open many sessions, ask each critic once, before it has learnt anything; whose first weights are known is a known function.

    Its loss is the mean of ζ(C(f)) + ζ(-C(r)) with ζ(c) = log(1 + e^c). The attacker can compute the first term (it made the samples,
    and knows the sum and the law of the peer); the second is an equation for the real y. Mean and spread that fit all equations best are the result.
    """
    terms = Terms(critic={"make": "mgm.nets.mlp", "outputs": 1, "width": 32}, objective=NonSaturating(r1=0.0, path=0.0), sees="y", seeds=known)
    losses, critics, samples = [], [], torch.zeros(1024, 2)
    with tempfile.TemporaryDirectory() as place:
        house = ThirdParty(Mixer(Sum(), mlp(6, 1, width=8), WGANGP()), world, place, terms)
        for i in range(sessions):
            guess = 1000 * seed + i
            session = house.open("mallory", "probe", Settings(position=0, seed=guess if known else None))
            losses.append(unpack(session.answer(1, "critic", [Drawing(1024)], pack(samples=samples)), "loss")["loss"])
            house.end("mallory", "probe")
            critics.append(mlp(2, 1, width=32))
            critics[-1].draw(stream(guess, "weights of feedback critic"))
        house.close()
    half = torch.randn(500, 2, generator=stream(seed, "normal"))
    normal, losses = torch.cat([half, -half]), torch.stack(losses)
    normal = normal / normal.std(0)

    @torch.no_grad()
    def misfit(parameters):
        middle, spread = torch.tensor(parameters, dtype=torch.float32).split(2)
        real, fake = middle + spread * normal, (1 - BETA) * normal
        return torch.stack([softplus(critic(fake)).mean() + softplus(-critic(real)).mean() for critic in critics]).sub(losses).numpy()

    found = torch.tensor(least_squares(misfit, [0.0, 0.0, 1.0, 1.0], bounds=([-5, -5, 0.05, 0.05], [5, 5, 5, 5]), diff_step=1e-2).x, dtype=torch.float32)
    return errors(found[:2] + found[2:] * normal, world.y)


def main() -> None:
    "Run all and write the file."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--out", default="nbs/results/thirdparty_leaks.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    world, began, seeds = secret_world(), time.perf_counter(), range(options.seeds)
    known = {word: [by_known_critics(world, word == "known", options.sessions, seed) for seed in seeds] for word in ("known", "secret")}
    print(known, flush=True)
    training, earnest = {}, {"alone": [in_earnest(world, None, seed) for seed in seeds]}
    print(earnest, flush=True)
    for name, guard in GUARDS.items():
        training[name] = [by_training(world, guard, seed) for seed in seeds]
        earnest[name] = [in_earnest(world, guard, seed) for seed in seeds]
        print(name, [found[-1] for found in training[name]], earnest[name], f"{time.perf_counter() - began:.0f} s", flush=True)
    floor = w1(world.x[0][2000:4000], world.x[0][:2000]).value
    guess = errors(torch.randn(8000, 2, generator=stream(0, "guess")), world.y)  # who knows nothing says: mean 0, spread 1
    result = dict(guards=GUARDS, steps=STEPS, critic_answers=1.0, generator_answers=1 / WGANGP().critic_steps, training=training, earnest=earnest, floor=floor, guess=guess)
    result |= dict(known_seeds=known, sessions=options.sessions, seeds=options.seeds)
    write_atomically(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
