"""Spaces with conditional choices, and their distinct configurations by plain loops."""

from itertools import product

import numpy as np

from nmjax.spaces import Integer, Ordinal, Real, Space, when

# `nesterov` and `layers` have one parent, `decay` a conditional parent, `warmup` two parents of
# which one needs the other, `width` an ordinal parent.
DISCRETE = Space(
    "discrete",
    optimizer=["adam", "sgd", "rmsprop"],
    depth=Ordinal(1, 2, 4),
    nesterov=when([False, True], optimizer="sgd"),
    decay=when(["cosine", "step", "none"], nesterov=True),
    warmup=when(Integer(1, 3), decay=["cosine", "step"], depth=[2, 4]),
    width=when(Ordinal(16, 64, log=True), depth=4),
)
MIXED = Space(
    "mixed",
    optimizer=["adam", "sgd"],
    bias=[False, True],
    schedule=when(["cosine", "step"], optimizer="sgd"),
    rate=Real(1e-4, 1e-1, log=True),
    momentum=when(Real(0.5, 0.99), optimizer="sgd"),
    gamma=when(Real(-3.0, 2.0), schedule="step"),
)


def by_hand(config):
    """The active choices of a full dictionary of `DISCRETE`, by the rules above."""
    active = {"optimizer", "depth"}
    if config["optimizer"] == "sgd":
        active.add("nesterov")
        if config["nesterov"]:
            active.add("decay")
            if config["decay"] != "none" and config["depth"] in (2, 4):
                active.add("warmup")
    if config["depth"] == 4:
        active.add("width")
    return {name: value for name, value in config.items() if name in active}


def every_architecture():
    return np.array(list(product(*map(range, DISCRETE.num_options))), np.int32)


def every_config():
    """The active part of each architecture, in the order of `every_architecture`."""
    names = [choice.name for choice in DISCRETE.choices]
    options = [choice.options for choice in DISCRETE.choices]
    return [by_hand(dict(zip(names, values, strict=True))) for values in product(*options)]
