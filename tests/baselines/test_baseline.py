"""Baselines as the registry gives them; which weights stand beside those of a network."""

import numpy as np
import pytest

from zoo.baselines import linear_calibration
from zoo.baselines.baseline import baseline
from zoo.cards.registry import baselines, info
from zoo.errors import UnknownName
from zoo.models.drn.events import sample


@pytest.mark.parametrize("tag", ["", "nowhere_v7", *info("linear_calibration").tags])
def test_the_tag_of_the_same_name_or_the_default(tag):
    records = sample(20, 1)
    weights = tag if tag in info("linear_calibration").tags else "default"
    expected = linear_calibration.predict(records, weights)
    found = baseline("linear_calibration").beside(tag)(records)
    np.testing.assert_array_equal(found.energy_gev, expected.energy_gev)


@pytest.mark.parametrize("name", baselines())
def test_a_baseline_has_the_files_of_its_tags(name):
    one = baseline(name)
    for tag in one.card.tags.values():
        assert set(one.files) <= set(tag.files)


def test_an_unknown_baseline_lists_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown baseline 'bdt_regresion'. Did you mean 'bdt_regression'"):
        baseline("bdt_regresion")
