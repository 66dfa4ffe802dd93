"""The arithmetic of an iteration that no implementation can avoid: every matrix product counted, and the optimisers' traffic.

The networks are those of the synthetic experiment: agent 2 -> 2, mixer 6 -> 2, two critics 2 -> 1, three hidden layers each.
"""

import torch


def products(network: str, sizes: list[int], rows: dict, wanted: int | None = None) -> list[tuple]:
    """(network, layer, what, rows, inner, columns) of each product of some batches with a network of these layer sizes.

    `rows` says how many rows go forward, backward, into the gradient and into the penalty: of all layers, {"forward": 96}, or
    of one, {("forward", 4): 64}. Backwards, the first layer leads to `wanted` of the inputs (None: to all).
    """
    found = []
    for layer, (into, out) in enumerate(zip(sizes, sizes[1:]), start=1):
        for what in ("forward", "backward", "gradient", "penalty"):
            if n := rows.get((what, layer), rows.get(what, 0)):
                back = wanted if layer == 1 and wanted else into
                found.append((network, layer, what, *{"backward": (n, out, back), "gradient": (out, n, into)}.get(what, (n, into, out))))
    return found


def unavoidable(width: int, batch: int) -> tuple[list[tuple], list[tuple]]:
    """The products of one step of both critics, and of one step of the generator.

    A critic's real, fake and between rows go through it as one batch. The loss needs no output between, the penalty needs
    the slope between only, and it does not reach the last layer's output.
    """
    hidden, three = [width] * 3, 3 * batch
    agent, mixer, critic = [2, *hidden, 2], [6, *hidden, 2], [2, *hidden, 1]
    there, there_and_back = {"forward": batch}, {"forward": batch, "backward": batch}
    judged = {"forward": three, "backward": three, "gradient": three, "penalty": batch, ("forward", 4): 2 * batch, ("backward", 1): batch, ("penalty", 4): 0}
    critics = products("generator", agent, there) + products("mixer", mixer, there)
    generator = products("generator", agent, there_and_back | {"gradient": batch, ("backward", 1): 0}) + products("mixer", mixer, there_and_back, wanted=2)
    for name in ("own critic", "feedback critic"):
        critics += products(name, critic, judged)
        generator += products(name, critic, there_and_back)
    return critics, generator


class Floor:
    "The unavoidable work, and nothing else."

    def __init__(self, width: int, batch: int, block: int):
        self.products, self.block, weights = unavoidable(width, batch), block, {}
        self.operands = [[], []]
        for operands, found in zip(self.operands, self.products):
            for network, layer, what, rows, inner, columns in found:
                right = torch.randn(inner, columns) * 0.1
                if what != "gradient":  # the same weights in every pass, as far as the shape allows
                    right = weights.setdefault((network, layer, right.shape), right)
                operands.append((torch.randn(rows, inner) * 0.1, right, torch.empty(rows, columns)))
        count = lambda outputs: 3 * width + 2 * (width + 1) * width + (width + 1) * outputs
        self.state = [torch.rand(4, 2 * count(1)), torch.rand(4, count(2))]  # parameter, gradient, two moments: critics, generator

    def multiply(self):
        "All products of a block: so many iterations, the last with a step of the generator."
        for operands in [self.operands[0]] * self.block + [self.operands[1]]:
            for left, right, out in operands:
                torch.mm(left, right, out=out)

    def multiply_some(self, half: int, *networks: str):
        "The products of some networks, in a step of the critics (half 0) or of the generator (half 1)."
        for (network, *_), (left, right, out) in zip(self.products[half], self.operands[half]):
            if network in networks:
                torch.mm(left, right, out=out)

    def stream(self):
        "What the optimisers of a block must move: parameter, gradient and both moments are read, all but the gradient written."
        for parameter, gradient, first, second in [self.state[0]] * self.block + [self.state[1]]:
            parameter.mul_(1.0)
            first.add_(gradient, alpha=1e-6)
            second.mul_(1.0)

    def table(self) -> list[dict]:
        "Which product a block needs, how often, in which layers of which networks."
        rows = {}
        for network, layer, what, *shape in self.products[0] * self.block + self.products[1]:
            row = rows.setdefault((what, *shape), dict(what=what, shape=shape, times=0, megaflops=0.0, layers=set(), networks=set()))
            row["times"] += 1
            row["megaflops"] += 2e-6 * shape[0] * shape[1] * shape[2]
            row["layers"].add(layer), row["networks"].add(network)
        ordered = sorted(rows.values(), key=lambda row: -row["megaflops"])
        return [row | dict(megaflops=round(row["megaflops"], 3), layers=sorted(row["layers"]), networks=sorted(row["networks"])) for row in ordered]
