"""nmjax's own table of multilayer perceptrons: their architecture, optimizer and learning rate."""

from nmjax.spaces.description.choices import Choice, Condition
from nmjax.spaces.description.space import Space

LIVE_MLP = Space.build(
    name="live-mlp",
    choices=(
        Choice("depth", (1, 2, 3), "ordinal"),
        Choice("width", (4, 8, 16, 32), "ordinal", "log"),
        Choice("activation", ("relu", "tanh", "silu")),
        Choice("residual", (False, True), conditions=(Condition("depth", (2, 3)),)),
        Choice("optimizer", ("sgd", "adamw")),
        Choice("learning_rate", (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), "ordinal", "log"),
    ),
)
