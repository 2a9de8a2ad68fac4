"""Known methods as combinations of a relaxation, a bilevel gradient and a regularizer."""

from dataclasses import replace

from nmjax.oneshot.bilevel import BilevelGradient, FirstOrder
from nmjax.oneshot.cells import EDGE_TARGETS, CellSupernet
from nmjax.oneshot.paths import UniformPath
from nmjax.oneshot.search import SupernetSearch
from nmjax.oneshot.settings import SupernetHyper
from nmjax.oneshot.supernet import Supernet
from nmjax.relax import (
    DirichletRelaxation,
    GumbelSoftmax,
    Softmax,
    StraightThrough,
    dirichlet_distance,
    strength_decay,
)

_FIRST_ORDER = FirstOrder()


def darts(
    supernet: Supernet, *, steps: int, gradient: BilevelGradient = _FIRST_ORDER
) -> tuple[SupernetSearch, SupernetHyper]:
    """DARTS (Liu, Simonyan and Yang, 2019): softmax weights, and any bilevel gradient.

    Args:
      supernet: Supernet to search.
      steps: Number of steps.
      gradient: `FirstOrder()`, `Unrolled()` for second order, or `Implicit()`.

    Returns:
      The search and its `SupernetHyper`.

    Example:
      >>> from nmjax.oneshot import CellSupernet, Unrolled, darts
      >>> search, hyper = darts(CellSupernet(classes=3), steps=300, gradient=Unrolled())
      >>> hyper = hyper._replace(weight_rate=0.1)
    """
    return SupernetSearch(supernet, Softmax(supernet.space), gradient), SupernetHyper(steps)


def beta_darts(
    supernet: Supernet, *, steps: int, gradient: BilevelGradient = _FIRST_ORDER
) -> tuple[SupernetSearch, SupernetHyper]:
    """`darts` with a growing decay of the strengths (Ye et al., 2022, "beta-DARTS").

    Args:
      supernet: Supernet to search.
      steps: Number of steps.
      gradient: Gradient of the strengths.

    Example:
      >>> from nmjax.oneshot import CellSupernet, beta_darts
      >>> search, hyper = beta_darts(CellSupernet(classes=3), steps=300)
      >>> hyper.regularization, hyper.final_regularization
      (0.0, 50.0)
    """
    search, hyper = darts(supernet, steps=steps, gradient=gradient)
    return replace(search, regularizer=strength_decay), hyper._replace(final_regularization=50.0)


def smooth_darts(
    supernet: Supernet, *, steps: int, gradient: BilevelGradient = _FIRST_ORDER
) -> tuple[SupernetSearch, SupernetHyper]:
    """`darts` whose weights train under random noise on the choices (Chen and Hsieh, 2020, RS).

    Args:
      supernet: Supernet to search.
      steps: Number of steps.
      gradient: Gradient of the strengths.

    Example:
      >>> from nmjax.oneshot import CellSupernet, smooth_darts
      >>> search, hyper = smooth_darts(CellSupernet(classes=3), steps=300)
      >>> hyper.perturbation
      0.3
    """
    search, hyper = darts(supernet, steps=steps, gradient=gradient)
    return search, hyper._replace(perturbation=0.3)


def gdas(
    supernet: Supernet, *, steps: int, gradient: BilevelGradient = _FIRST_ORDER
) -> tuple[SupernetSearch, SupernetHyper]:
    """GDAS (Dong and Yang, 2019): one random option of each choice, by straight-through Gumbel.

    Only the drawn option passes a gradient to the strengths. The temperature falls from 10 to 0.1.

    Args:
      supernet: Supernet to search.
      steps: Number of steps.
      gradient: Gradient of the strengths.

    Example:
      >>> from nmjax.oneshot import CellSupernet, gdas
      >>> gdas(CellSupernet(classes=3), steps=300)[1].final_temperature
      0.1
    """
    relaxation = StraightThrough(GumbelSoftmax(supernet.space))
    hyper = SupernetHyper(steps, temperature=10.0, final_temperature=0.1)
    return SupernetSearch(supernet, relaxation, gradient), hyper


def drnas(
    supernet: Supernet, *, steps: int, gradient: BilevelGradient = _FIRST_ORDER
) -> tuple[SupernetSearch, SupernetHyper]:
    """DrNAS (Chen et al., 2021): weights drawn from a Dirichlet distribution, held near uniform.

    Args:
      supernet: Supernet to search.
      steps: Number of steps.
      gradient: Gradient of the strengths.

    Example:
      >>> from nmjax.oneshot import CellSupernet, drnas
      >>> drnas(CellSupernet(classes=3), steps=300)[1].regularization
      0.001
    """
    search = SupernetSearch(
        supernet, DirichletRelaxation(supernet.space), gradient, dirichlet_distance
    )
    return search, SupernetHyper(steps, regularization=1e-3, final_regularization=1e-3)


def pc_darts(
    supernet: CellSupernet,
    *,
    steps: int,
    parts: int = 2,
    gradient: BilevelGradient = _FIRST_ORDER,
) -> tuple[SupernetSearch, SupernetHyper]:
    """PC-DARTS (Xu et al., 2020): partial channels, edge normalization, and a warm-up of weights.

    Args:
      supernet: Supernet of cells, of which a copy with partial channels is searched.
      steps: Number of steps, of which 30% are the warm-up.
      parts: Operations see the first 1 / parts of the channels.
      gradient: Gradient of the strengths.

    Raises:
      NmjaxError: `parts` does not divide the channels.

    Example:
      >>> from nmjax.oneshot import CellSupernet, pc_darts
      >>> search, hyper = pc_darts(CellSupernet(classes=3), steps=300)
      >>> search.supernet.parts, search.edge_targets
      (2, (1, 2, 2, 3, 3, 3))
    """
    search, hyper = darts(replace(supernet, parts=parts), steps=steps, gradient=gradient)
    return replace(search, edge_targets=EDGE_TARGETS), hyper._replace(warmup=0.3)


def single_path(supernet: Supernet, *, steps: int) -> tuple[SupernetSearch, SupernetHyper]:
    """Train shared weights on uniformly random architectures, without strengths.

    `InheritedEvaluation` then scores architectures by these weights: by `search.RandomSearch` it is
    random search with weight sharing (Li and Talwalkar, 2019), by `search.RegularizedEvolution`
    single-path one-shot search (Guo et al., 2020).

    Args:
      supernet: Supernet to train.
      steps: Number of steps.

    Example:
      >>> from nmjax.oneshot import CellSupernet, single_path
      >>> single_path(CellSupernet(classes=3), steps=300)[0].gradient
    """
    return SupernetSearch(supernet, UniformPath(supernet.space), None), SupernetHyper(steps)
