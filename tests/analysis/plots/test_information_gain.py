import io
import subprocess
import sys

import numpy as np
import pytest

from nmjax.analysis.plots import plot_information
from nmjax.errors import NmjaxError

RNG = np.random.default_rng(0)
EXPECTED = RNG.uniform(0, 1, (5, 12))
REALIZED = RNG.normal(0.2, 0.5, (5, 12))
CONFIDENCE = RNG.uniform(0, 1, (5, 12))


def test_three_panels_with_means_and_units():
    figure = plot_information(EXPECTED, REALIZED, CONFIDENCE, title="Cora")
    summed, trust, realized = figure.axes
    for axes, values in (
        (summed, EXPECTED.cumsum(1)),
        (trust, CONFIDENCE),
        (realized, REALIZED),
    ):
        np.testing.assert_allclose(axes.lines[0].get_ydata(), values.mean(0))
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(1, 13))
        assert axes.get_xlabel() == "Evaluations"
        assert len(axes.collections) == 1
    assert "(nats)" in summed.get_title(loc="left")
    assert trust.get_title(loc="left") == "Weight of the transferred prior"
    assert "(nats)" in realized.get_title(loc="left")
    assert trust.get_ylim()[0] == 0
    assert trust.get_ylim()[1] >= 1
    assert figure.get_suptitle() == "Cora"


def test_one_seed_and_one_evaluation_can_be_drawn():
    figure = plot_information(EXPECTED[:1, :1], REALIZED[:1, :1], CONFIDENCE[:1, :1], band="95%")
    figure.savefig(io.BytesIO(), format="png")


def test_shapes_that_differ_are_refused():
    with pytest.raises(NmjaxError, match="one shape"):
        plot_information(EXPECTED, REALIZED[:, :-1], CONFIDENCE)
    with pytest.raises(NmjaxError, match="one shape"):
        plot_information(EXPECTED[0], REALIZED[0], CONFIDENCE[0])


def test_no_global_figures_are_made():
    code = "import nmjax.analysis.plots, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
