"""What the workers of a sweep over the time series do: one mixer, one newcomer, or one regression."""

import torch
from tables import VERSION, digest

from mgm.experiments import RunFolder
from mgm.roles import Mixer
from mgm.timeseries import TimeSeries, days_of, measured_days, mixer_line, ridge_line, trained_day_mixer, trained_on_days


def day_mixer(label: dict, folder: str, file: str, **settings) -> dict:
    "Train the mixer of one split and put it where the newcomers look for it."
    torch.set_num_threads(1)
    setup = TimeSeries(device="cpu", **settings)
    world = days_of(setup)
    mixer = trained_day_mixer(setup, world, RunFolder(folder, setup.configuration()))
    mixer.save(file)
    return settings | label | mixer_line(mixer, world) | dict(configuration=digest(settings | dict(file=file)), version=VERSION)


def day_cell(label: dict, folder: str, ridge: str = "", **settings) -> dict:
    "Train one newcomer, or fit one regression, and measure it."
    torch.set_num_threads(1)
    setup = TimeSeries(device="cpu", **settings)
    world = days_of(setup)
    if ridge:
        line = ridge_line(ridge, setup, world)
    else:
        mixer = Mixer.load(setup.mixer) if setup.how.sees else None
        line = measured_days(setup, trained_on_days(setup, world, mixer, RunFolder(folder, setup.configuration())), world)
    known = {name: value for name, value in settings.items() if name != "mixer"}
    return known | label | line | dict(configuration=digest(settings | (dict(ridge=ridge) if ridge else {})), version=VERSION)
