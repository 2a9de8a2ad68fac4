"""HPOLib's fully connected nets: nine hyperparameters on grids (Klein and Hutter 2019)."""

from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space

_ACTIVATIONS = ("relu", "tanh")
_DROPOUTS = (0.0, 0.3, 0.6)
_UNITS = (16, 32, 64, 128, 256, 512)

HPOLIB = Space.build(
    name="hpolib",
    choices=(
        Choice("activation_fn_1", _ACTIVATIONS),
        Choice("activation_fn_2", _ACTIVATIONS),
        Choice("batch_size", (8, 16, 32, 64), "ordinal", "log"),
        Choice("dropout_1", _DROPOUTS, "ordinal"),
        Choice("dropout_2", _DROPOUTS, "ordinal"),
        Choice("init_lr", (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1), "ordinal", "log"),
        Choice("lr_schedule", ("cosine", "const")),
        Choice("n_units_1", _UNITS, "ordinal", "log"),
        Choice("n_units_2", _UNITS, "ordinal", "log"),
    ),
)
