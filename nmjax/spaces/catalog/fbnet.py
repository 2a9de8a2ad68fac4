"""FBNet: 22 layers in seven stages, nine blocks for each, 9^22 in all (Wu et al. 2019, CVPR)."""

from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space

# Kernel size, expansion, and the groups of the pointwise convolutions if there are two.
BLOCKS = (
    "k3_e1",
    "k3_e1_g2",
    "k3_e3",
    "k3_e6",
    "k5_e1",
    "k5_e1_g2",
    "k5_e3",
    "k5_e6",
    "skip",
)
LAYERS = 22

FBNET = Space.build(
    name="fbnet", choices=tuple(Choice(f"layer{number}", BLOCKS) for number in range(1, LAYERS + 1))
)
