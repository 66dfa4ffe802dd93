"""What the workers of a sweep over the synthetic experiment do: one mixer, or one cell of a table."""

from pathlib import Path

from tables import VERSION, digest

from mgm.experiments import RunFolder
from mgm.synthetic import Synthetic, mixer_score, replicated, trained_mixer, world_of


def one_cell(label: dict, folder: str, **settings) -> list[dict]:
    "What a worker does: train, measure, label."
    plain = {name: value for name, value in settings.items() if name not in ("seeds", "rows_seeds", "mixer")}
    rows = replicated(folder, **settings)
    known = dict(mixer="oracle" if settings.get("mixer") == "oracle" else "learned") if settings["own"] < 1 else dict(mixer="")
    defaults = {"rule": "combined", "sees": "y,peers", "whiten": True, "follow": True, "noise": "independent", "penalise": "all", "critic": "fresh"}
    return [label | defaults | plain | known | row | dict(together=len(rows), configuration=digest(settings), version=VERSION) for row in rows]


def one_mixer(beta: float, profile: str, folder: str) -> dict:
    "Train the mixer of a coupling; the result says in which file it is."
    setup = Synthetic(beta=beta, profile=profile, device="cpu")
    world = world_of(setup)
    mixer = trained_mixer(setup, world, RunFolder(folder, setup.configuration()))
    mixer.save(file := Path(folder) / "whole.safetensors")
    energy, marginal = mixer_score(mixer, world.test)
    error = (mixer.sample(world.test.x, 0) - world.test.y).square().mean().sqrt().item()
    return dict(file=str(file), rmse=error, energy_score=energy.value, w1=marginal.value, w1_floor=marginal.floor, version=VERSION)
