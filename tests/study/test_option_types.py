"""Studies of options that are lists, None, booleans and text with blanks, saved and loaded."""

import json

import numpy as np

import nmjax
from nmjax import Real, Space, Study, when

SPACE = Space(
    "mixed",
    kernel=[None, [3, 5], [7, [1, "same"]], "batch norm", True, 0.5],
    宽=["窄 1", "ß", "a'b\"c\\d"],
    pad=when([0, None], kernel=[[3, 5]]),
    rate=when(Real(0.0, 1.0), kernel=[None, True]),
)
CONFIGS = [
    {"kernel": None, "宽": "窄 1", "rate": 0.5},
    {"kernel": [3, 5], "宽": "ß", "pad": None},
    {"kernel": (7, (1, "same")), "宽": "a'b\"c\\d"},
    {"kernel": True, "宽": "ß", "rate": 0.25},
    {"kernel": np.float32(0.5), "宽": "ß"},
]


def test_results_with_mixed_options_are_saved_and_loaded(tmp_path):
    study = Study(SPACE, budget=10)
    for number, config in enumerate(CONFIGS):
        study.tell(config, float(number))
    assert study.trials[1].config == {"kernel": (3, 5), "宽": "ß", "pad": None}
    assert study.best.config == {"kernel": 0.5, "宽": "ß"}
    nmjax.save(study, tmp_path / "study.nmjax")
    again = nmjax.load(tmp_path / "study.nmjax")
    assert again.space == SPACE
    assert again.trials == study.trials
    for trial in again.trials:
        indices = SPACE.from_config(trial.config)
        parsed = SPACE.from_config(json.loads(json.dumps(trial.config)))
        np.testing.assert_array_equal(indices[0], parsed[0])
        np.testing.assert_array_equal(indices[1], parsed[1])
