"""A forest that is kept answers as before, and takes less room."""

import lzma

import lightgbm
import numpy as np
import pytest

from training.baselines.forest_text import compressed


def test_it_answers_as_before_and_is_smaller():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 5))
    y = x[:, 0] * np.abs(x[:, 1]) + 0.1 * rng.normal(size=3000)
    settings = {"objective": "regression_l1", "num_leaves": 31, "verbosity": -1}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, y), 40)
    kept = compressed(booster)
    again = lightgbm.Booster(model_str=lzma.decompress(kept).decode())
    assert again.predict(x) == pytest.approx(booster.predict(x), abs=1e-5)
    assert again.num_trees() == 40 and again.feature_name() == booster.feature_name()
    assert len(kept) < 0.5 * len(lzma.compress(booster.model_to_string().encode(), preset=6))
