"""Relaxations of a space: softmax, sparsemax, Gumbel-softmax and others."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.relax.relaxation import Relaxation, SpaceRelaxation, check_temperature, harden
from nmjax.relax.simplex import (
    entmax15,
    existing_logits,
    masked_softmax,
    sigmoid_gates,
    smooth_topk,
    sparsemax,
)
from nmjax.relax.strengths import SoftChoices, Strengths, soft_choices
from nmjax.spaces import Space, option_mask
from nmjax.types import Array


class Softmax(SpaceRelaxation):
    """Softmax of the logits, without noise; one-hot as the temperature goes to 0.

    The relaxation of DARTS (Liu, Simonyan and Yang, 2019, equation 2).

    Example:
      >>> import jax
      >>> from nmjax.relax import Softmax
      >>> from nmjax.spaces import Space
      >>> softmax = Softmax(Space(op=["conv", "skip"]))
      >>> strengths = softmax.init(jax.random.key(0))
      >>> softmax.sample(jax.random.key(1), strengths, 1.0).weights.shape
      (1, 2)
    """

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Weights float[..., C, O] of logits float[..., C, O]."""
        weights: Array = masked_softmax(logits, temperature, option_mask(self.space))
        return weights


class Sparsemax(SpaceRelaxation):
    """Projection of the logits onto the simplex: unlikely options have weight and gradient 0.

    See `sparsemax`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.relax import Sparsemax, Strengths
      >>> from nmjax.spaces import Space
      >>> strengths = Strengths(jnp.array([[2.0, 0.0]]), jnp.zeros(0))
      >>> relaxation = Sparsemax(Space(op=["conv", "skip"]))
      >>> relaxation.sample(jax.random.key(0), strengths, 1.0).weights.tolist()
      [[1.0, 0.0]]
    """

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Weights float[..., C, O] of logits float[..., C, O]."""
        weights: Array = sparsemax(logits, temperature, option_mask(self.space))
        return weights


class Entmax(SpaceRelaxation):
    """1.5-entmax of the logits, sparse as `Sparsemax` but smoother; see `entmax15`.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.relax import Entmax, Strengths
      >>> from nmjax.spaces import Space
      >>> strengths = Strengths(jnp.array([[3.0, 0.0]]), jnp.zeros(0))
      >>> relaxation = Entmax(Space(op=["conv", "skip"]))
      >>> relaxation.sample(jax.random.key(0), strengths, 1.0).weights.tolist()
      [[1.0, 0.0]]
    """

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Weights float[..., C, O] of logits float[..., C, O]."""
        weights: Array = entmax15(logits, temperature, option_mask(self.space))
        return weights


class SigmoidGates(SpaceRelaxation):
    """Independent gates in [0, 1], for options that do not compete; weights do not sum to 1.

    The relaxation of Fair DARTS (Chu et al., 2020). Gates suit sums over options, as in a supernet.
    Encodings of soft choices are expectations only where weights sum to 1.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.relax import SigmoidGates, Strengths
      >>> from nmjax.spaces import Space
      >>> gates = SigmoidGates(Space(op=["conv", "skip"]))
      >>> strengths = Strengths(jnp.zeros((1, 2)), jnp.zeros(0))
      >>> gates.sample(jax.random.key(0), strengths, 1.0).weights.tolist()
      [[0.5, 0.5]]
    """

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Weights float[..., C, O] of logits float[..., C, O]."""
        weights: Array = sigmoid_gates(logits, temperature, option_mask(self.space))
        return weights


@dataclass(frozen=True)
class SmoothTopK(SpaceRelaxation):
    """The k largest logits of each choice, smoothed; weights sum to k. See `smooth_topk`.

    Attributes:
      space: Space of the architectures.
      k: Number of options that each choice keeps.

    Raises:
      NmjaxError: `k` is not positive.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.relax import SmoothTopK, Strengths
      >>> from nmjax.spaces import Space
      >>> relaxation = SmoothTopK(Space(op=["conv", "pool", "skip"]), k=2)
      >>> strengths = Strengths(jnp.array([[3.0, 2.0, 1.0]]), jnp.zeros(0))
      >>> relaxation.sample(jax.random.key(0), strengths, 0.01).weights.round(2).tolist()
      [[1.0, 1.0, 0.0]]
    """

    k: int = 2

    def __post_init__(self) -> None:
        if self.k < 1:
            raise NmjaxError(f"Got k={self.k}; give the number of options to keep, 1 or more.")

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Weights float[..., C, O] of logits float[..., C, O]."""
        weights: Array = smooth_topk(logits, self.k, temperature, option_mask(self.space))
        return weights


class GumbelSoftmax(Softmax):
    """Random soft choices whose largest option is distributed as the softmax of the logits.

    One-hot as the temperature goes to 0 (Jang, Gu and Poole, 2017; Maddison, Mnih and Teh, 2017).
    `StraightThrough(GumbelSoftmax(space))` is the relaxation of GDAS (Dong and Yang, 2019).

    Example:
      >>> import jax
      >>> from nmjax.relax import GumbelSoftmax
      >>> from nmjax.spaces import Space
      >>> relaxation = GumbelSoftmax(Space(op=["conv", "skip"]))
      >>> strengths = relaxation.init(jax.random.key(0))
      >>> draw = relaxation.sample(jax.random.key(1), strengths, 0.5)
      >>> draw.weights.shape
      (1, 2)
    """

    def sample(self, key: Array, strengths: Strengths, temperature: Array) -> SoftChoices:
        """Draw soft choices, independently for each of the leading axes."""
        check_temperature(temperature)
        noise = jax.random.gumbel(key, strengths.logits.shape, strengths.logits.dtype)
        weights = self.soften(strengths.logits + noise, temperature)
        return soft_choices(self.space, weights, strengths.position)


class DirichletRelaxation(SpaceRelaxation):
    """Draws from a Dirichlet distribution of concentration elu(logits) + 1.

    The relaxation of DrNAS (Chen et al., 2021), to be used with `dirichlet_distance`. Draws are
    differentiated implicitly. At temperature 1 they are exact; at others, their logarithms are
    divided by the temperature and normalized anew, so that they become one-hot as it goes to 0.
    Equal strengths of 0 give the uniform distribution over the simplex.

    Example:
      >>> import jax
      >>> from nmjax.relax import DirichletRelaxation
      >>> from nmjax.spaces import Space
      >>> relaxation = DirichletRelaxation(Space(op=["conv", "skip"]))
      >>> strengths = relaxation.init(jax.random.key(0))
      >>> relaxation.weights(strengths).round(2).tolist()
      [[0.5, 0.5]]
    """

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Mean of the distribution, as if its logarithm was divided by the temperature."""
        logits, exists = existing_logits(logits, option_mask(self.space))
        weights: Array = masked_softmax(jnp.log(concentration(logits)), temperature, exists)
        return weights

    def sample(self, key: Array, strengths: Strengths, temperature: Array) -> SoftChoices:
        """Draw soft choices, independently for each of the leading axes."""
        check_temperature(temperature)
        logits, exists = existing_logits(strengths.logits, option_mask(self.space))
        log_gamma = jax.random.loggamma(key, concentration(logits))
        weights = masked_softmax(log_gamma, temperature, exists)
        return soft_choices(self.space, weights, strengths.position)


def concentration(logits: Array) -> Array:
    """Concentration elu(logits) + 1 of a Dirichlet distribution, positive."""
    return jnp.maximum(jax.nn.elu(logits) + 1, jnp.finfo(logits.dtype).eps)


@dataclass(frozen=True)
class StraightThrough:
    """Hard choices with the gradient of another relaxation's soft ones.

    Each choice takes the option of the largest soft weight, see `harden`.

    Attributes:
      soft: Relaxation that gives the choices and the gradient.

    Example:
      >>> import jax
      >>> from nmjax.relax import GumbelSoftmax, StraightThrough
      >>> from nmjax.spaces import Space
      >>> relaxation = StraightThrough(GumbelSoftmax(Space(op=["conv", "skip"])))
      >>> strengths = relaxation.init(jax.random.key(0))
      >>> relaxation.sample(jax.random.key(1), strengths, 0.5).weights.max(-1).tolist()
      [1.0]
    """

    soft: Relaxation

    @property
    def space(self) -> Space:
        """Space of the architectures."""
        return self.soft.space

    def init(self, key: Array, shape: tuple[int, ...] = (), *, spread: float = 1e-3) -> Strengths:
        """Draw strengths near those of equal weights, with the leading axes `shape`."""
        return self.soft.init(key, shape, spread=spread)

    def weights(self, strengths: Strengths) -> Array:
        """Weights float[..., C, O] of the options without noise, at temperature 1."""
        return self.soft.weights(strengths)

    def sample(self, key: Array, strengths: Strengths, temperature: Array) -> SoftChoices:
        """Draw hard choices, differentiable as the soft ones."""
        hard = harden(self.space, self.soft.sample(key, strengths, temperature))
        return soft_choices(self.space, hard.weights, strengths.position)

    def discretize(self, strengths: Strengths) -> tuple[Array, Array]:
        """Return the valid, canonical architecture int32[..., C], and float32[..., R]."""
        return self.soft.discretize(strengths)
