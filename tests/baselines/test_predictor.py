"""Which weights of a baseline stand beside those of a network."""

import numpy as np
import pytest

from zoo.baselines import linear_calibration
from zoo.baselines.predictor import predictor
from zoo.models.drn.events import sample
from zoo.registry import info


@pytest.mark.parametrize("tag", ["", "nowhere_v7", *info("linear_calibration").tags])
def test_the_tag_of_the_same_name_or_the_default(tag):
    records = sample(20, 1)
    weights = tag if tag in info("linear_calibration").tags else "default"
    expected = linear_calibration.predict(records, weights)
    found = predictor("linear_calibration", tag)(records)
    np.testing.assert_array_equal(found.energy_gev, expected.energy_gev)
    assert predictor("raw_sum", tag)(records).fields == ["energy_gev"]
