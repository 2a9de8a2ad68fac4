"""Dataset2Vec's multilayer perceptrons (Jomaa et al. 2021, arXiv:1905.11063).

The shape of space a matters only if there is more than one layer.
"""

from nmjax.spaces.description.choices import Choice, Condition
from nmjax.spaces.description.space import Space

_NEURONS = Choice("neurons", (4, 8, 16, 32), "ordinal", "log")
_LAYERS = Choice("layers", (1, 3, 5, 7), "ordinal")
_DEEP = (Condition("layers", (3, 5, 7)),)

DATASET2VEC_A = Space.build(
    "dataset2vec-a",
    (
        Choice("dropout", (0.0, 0.5), "ordinal"),
        _LAYERS,
        _NEURONS,
        Choice("activation", ("ReLU", "SeLU")),
        Choice("architecture", ("ASC", "ENC", "EXDES", "SQU", "SYM"), conditions=_DEEP),
    ),
)
DATASET2VEC_B = Space.build(
    "dataset2vec-b",
    (
        Choice("dropout", (0.0, 0.2, 0.5), "ordinal"),
        _LAYERS,
        _NEURONS,
        Choice("activation", ("LeakyReLU", "ReLU", "SeLU")),
        Choice("normalization", (False, True)),
    ),
)
DATASET2VEC_C = Space.build(
    "dataset2vec-c",
    (
        Choice("layers", (3, 5, 7), "ordinal"),
        Choice("neurons", (4, 8, 16), "ordinal", "log"),
        Choice("activation", ("LeakyReLU", "ReLU", "SeLU")),
        Choice("architecture", ("ASC", "ENC", "EXDES", "SYM")),
        Choice("optimizer", ("Adam", "GD", "RMSProp")),
    ),
)
