"""HPOBench's tabular MLPs: five hyperparameters on grids (Eggensperger et al. 2021, NeurIPS)."""

from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space

_ALPHA = (
    1e-8,
    7.742637e-8,
    5.994842e-7,
    4.641589e-6,
    3.5938137e-5,
    2.7825593e-4,
    2.1544348e-3,
    1.6681006e-2,
    1.2915497e-1,
    1,
)
_LEARNING_RATE = (
    1e-5,
    3.5938137e-5,
    1.2915497e-4,
    4.641589e-4,
    1.6681006e-3,
    5.9948424e-3,
    2.1544347e-2,
    7.742637e-2,
    2.7825594e-1,
    1,
)

HPOBENCH = Space.build(
    name="hpobench",
    choices=(
        Choice("alpha", _ALPHA, "ordinal", "log"),
        Choice("batch_size", (4, 6, 10, 16, 25, 40, 64, 101, 161, 256), "ordinal", "log"),
        Choice("depth", (1, 2, 3), "ordinal"),
        Choice("learning_rate_init", _LEARNING_RATE, "ordinal", "log"),
        Choice("width", (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024), "ordinal", "log"),
    ),
)
