import numpy as np

from nmjax import spaces

SPACE = spaces.get_space("nas-bench-graph-proteins")


def test_the_mask_counts_the_options():
    mask = np.asarray(spaces.option_mask(SPACE))
    assert mask.shape == (5, 9)
    np.testing.assert_array_equal(mask.sum(-1), SPACE.num_options)
    assert mask[1].tolist() == [True] * 5 + [False] * 4


def test_a_table_is_read_at_the_options_of_any_batch():
    table = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    architecture = np.random.default_rng(1).integers(4, size=(2, 5, 3))
    for batch in (architecture, architecture[0], architecture[0, 0]):
        expected = [[table[c, o] for c, o in enumerate(row)] for row in batch.reshape(-1, 3)]
        ours = spaces.at_options(table, batch)
        np.testing.assert_array_equal(ours, np.reshape(expected, batch.shape))
