"""Measured latencies of two spaces on 27 devices each, and their source and target sets.

The arrays are those of HELP (Lee et al., NeurIPS 2021, github.com/HayeonLee/HELP, MIT) as `.npz`:
`ops` int[N, C], `hw_ref_idx` int[10] and `lat__DEVICE` float[N] in ms, under `help/` in the folder
that NMJAX_DATA names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.catalog.nas_bench_201 import EDGES

# FBNet's stages (Wu et al., CVPR 2019, table 1) at the strides for images of 32 x 32, on which
# HW-NAS-Bench runs them (Li et al., ICLR 2021): layers, channels, stride of the first layer.
_STAGES = ((1, 16, 1), (4, 24, 1), (4, 32, 2), (4, 64, 2), (4, 112, 1), (4, 184, 2), (1, 352, 1))
_STEM_CHANNELS, _STEM_SIZE = 16, 32
# Kernel size, expansion and groups of each option except the last, a skip.
_BLOCKS = ((3, 1, 1), (3, 1, 2), (3, 3, 1), (3, 6, 1), (5, 1, 1), (5, 1, 2), (5, 3, 1), (5, 6, 1))
_CONVOLUTIONS = 3


class DeviceSet(NamedTuple):
    """Source devices, and target devices to predict from few labels.

    Attributes:
      sources: names of the source devices.
      targets: names of the target devices.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LatencyTable:
    """Latencies of N architectures.

    Attributes:
      options: float[N, O], one-hot options of all choices.
      counts: float[N, K], number of occurrences of each option.
      costs: float[N, F], costs that are counted without a device.
      references: int[10], HELP's reference architectures.
      latency: {device: float[N]}, latencies in ms.
    """

    options: np.ndarray
    counts: np.ndarray
    costs: np.ndarray
    references: np.ndarray
    latency: Mapping[str, np.ndarray]


def fbnet_costs(architecture: np.ndarray) -> np.ndarray:
    """Total costs of FBNet architectures int[N, 22], float[N, 8].

    In this order: convolutions, channel shuffles, multiply-adds in pointwise and in depthwise
    convolutions, values read and written, parameters, values between expansion and depthwise
    convolution, kernels of size 5. A skip that changes the shape is one pointwise convolution.
    """
    table, channels, size = [], _STEM_CHANNELS, _STEM_SIZE
    for layers, width, first_stride in _STAGES:
        for layer in range(layers):
            stride = first_stride if layer == 0 else 1
            before, after = size**2, (size // stride) ** 2
            shape = channels, width, before, after
            table.append(
                [*(_block_costs(*shape, *block) for block in _BLOCKS), _skip_costs(*shape)]
            )
            channels, size = width, size // stride
    return np.array(table, np.float64)[np.arange(len(table)), architecture].sum(axis=1)


def _block_costs(
    channels: int, width: int, before: int, after: int, kernel: int, expansion: int, groups: int
) -> list[float]:
    expanded = expansion * channels
    pointwise = channels * expanded * before + expanded * width * after
    touched = (channels + 2 * expanded) * before + (2 * expanded + width) * after
    parameters = (channels + width) * expanded / groups + kernel**2 * expanded
    return [
        _CONVOLUTIONS,
        groups > 1,
        pointwise / groups,
        kernel**2 * expanded * after,
        touched,
        parameters,
        expanded * before,
        kernel == 5,
    ]


def _skip_costs(channels: int, width: int, before: int, after: int) -> list[float]:
    if (channels, before) == (width, after):
        return [0] * 8
    touched = channels * before + width * after
    return [1, 0, channels * width * after, 0, touched, channels * width, 0, 0]


def nas_bench_201_costs(architecture: np.ndarray) -> np.ndarray:
    """Counts of each operation in cells int[N, 6], float[N, 8].

    The first counts are of all edges, the others of edges whose output is used, as after dead-code
    elimination. The operation "none" has no cost.
    """
    used = np.zeros((len(architecture), 4), bool)
    used[:, -1] = True
    for edge, (tail, head) in reversed(list(enumerate(EDGES))):
        used[:, tail] |= used[:, head] & (architecture[:, edge] > 0)
    one_hot = (architecture[..., None] == np.arange(1, 5)).astype(np.float64)
    alive = used[:, [head for _, head in EDGES]]
    return np.concatenate([one_hot.sum(axis=1), (one_hot * alive[..., None]).sum(axis=1)], axis=1)


class _Space(NamedTuple):
    file: str
    num_options: int
    costs: Callable[[np.ndarray], np.ndarray]


_SPACES = {
    "fbnet": _Space("help/fbnet_latency.npz", 9, fbnet_costs),
    "nas-bench-201": _Space("help/nasbench201_latency.npz", 5, nas_bench_201_costs),
}


def read_table(space: str, folder: Path) -> LatencyTable:
    """Read the table of "fbnet" or "nas-bench-201" from a folder.

    Raises:
      NmjaxError: the folder does not contain it.
    """
    path = folder / _SPACES[space].file
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if file[name].dtype.kind in "if"}
    except (OSError, ValueError) as error:
        raise NmjaxError(
            f"{path} cannot be read ({error}): convert HELP's data as this module says, and name "
            "the folder by NMJAX_DATA or --data."
        ) from error
    return make_table(
        space,
        arrays["ops"].astype(np.int32),
        arrays["hw_ref_idx"],
        {name[5:]: values for name, values in arrays.items() if name.startswith("lat__")},
    )


def make_table(
    space: str,
    architecture: np.ndarray,
    references: np.ndarray,
    latency: Mapping[str, np.ndarray],
) -> LatencyTable:
    """Create the table of architectures int32[N, C] of "fbnet" or "nas-bench-201"."""
    one_hot = architecture[..., None] == np.arange(_SPACES[space].num_options)
    one_hot = one_hot.astype(np.float64)
    return LatencyTable(
        options=one_hot.reshape(len(architecture), -1),
        counts=one_hot.sum(axis=1),
        costs=_SPACES[space].costs(architecture),
        references=references,
        latency=latency,
    )


def _device_set(sources: str, targets: str) -> DeviceSet:
    return DeviceSet(tuple(sources.split()), tuple(targets.split()))


# The FBNet sets of "On Latency Predictors for Neural Architecture Search" (NASFLAT, MLSys 2024).
NASFLAT_SETS = {
    "FD": _device_set(
        "1080ti_1 1080ti_32 1080ti_64 silver_4114 silver_4210r samsung_a50 pixel3 essential_ph_1 "
        "samsung_s7",
        "fpga raspi4 eyeriss",
    ),
    "F1": _device_set(
        "2080ti_1 essential_ph_1 silver_4114 titan_rtx_1 titan_rtx_32",
        "eyeriss fpga raspi4 samsung_a50 samsung_s7",
    ),
    "F2": _device_set(
        "essential_ph_1 gold_6226 gold_6240 pixel3 raspi4",
        "1080ti_1 1080ti_32 2080ti_32 titan_rtx_1 titanxp_1",
    ),
    "F3": _device_set(
        "essential_ph_1 pixel2 pixel3 raspi4 samsung_s7",
        "1080ti_1 1080ti_32 2080ti_1 titan_rtx_1 titan_rtx_32",
    ),
    "F4": _device_set(
        "1080ti_64 2080ti_1 eyeriss gold_6226 gold_6240 raspi4 samsung_s7 silver_4210r "
        "titan_rtx_1 titan_rtx_32",
        "1080ti_1 pixel2 essential_ph_1",
    ),
    "FA": _device_set(
        "1080ti_1 1080ti_32 1080ti_64 2080ti_1 2080ti_32 2080ti_64 titan_rtx_1 titan_rtx_32 "
        "titan_rtx_64 titanx_1 titanx_32 titanx_64 titanxp_1 titanxp_32 titanxp_64",
        "gold_6226 essential_ph_1 samsung_s7 pixel2",
    ),
}

# HELP's meta-training and meta-test devices by space.
HELP_SETS = {
    "fbnet": NASFLAT_SETS["FD"],
    "nas-bench-201": _device_set(
        "1080ti_1 1080ti_32 1080ti_256 silver_4114 silver_4210r samsung_a50 pixel3 "
        "essential_ph_1 samsung_s7",
        "titan_rtx_256 gold_6226 fpga pixel2 raspi4 eyeriss",
    ),
}

_KINDS = {
    "cpu": ("silver", "gold"),
    "edge": ("raspi4", "eyeriss", "fpga"),
    "phone": ("samsung", "pixel", "essential"),
}


def kind(device: str) -> str:
    """Kind of a device: "cpu", "edge", "phone" or "gpu"."""
    return next((name for name, starts in _KINDS.items() if device.startswith(starts)), "gpu")
