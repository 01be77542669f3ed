from __future__ import annotations

import numpy as np
import pytest

from zoo.evaluation.coverage import inside_central, normal_pit


def test_a_right_width_covers_and_a_wrong_one_does_not():
    rng = np.random.default_rng(0)
    energy = rng.uniform(5, 100, 200_000)
    true = energy + 0.5 * rng.normal(size=energy.size)
    right = normal_pit(true, energy, np.full_like(energy, 0.5))
    wide = normal_pit(true, energy, np.full_like(energy, 0.7))
    for level in (0.68, 0.95):
        assert inside_central(right, level).mean() == pytest.approx(level, abs=0.004)
        assert inside_central(wide, level).mean() > level + 0.02
    assert np.histogram(right, 20, (0, 1))[0] == pytest.approx(np.full(20, 10_000), rel=0.05)


def test_no_width_is_no_coverage():
    pit = normal_pit([10.0, 10.0], [10.0, 10.0], [-1.0, 1.0])
    assert np.isnan(pit[0]) and pit[1] == 0.5
    assert inside_central(pit, 0.68).tolist() == [False, True]
