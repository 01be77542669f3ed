"""The features of elements: their order, and what is derived from others."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.data.elements import ELEMENT_FEATURES, element_features
from zoo.data.kinds.elements import CLASS_PDG_IDS, CLASSES, ELEMENT_EVENTS, ELEMENT_TYPES
from zoo.data.records import leaf_values
from zoo.errors import UnknownName


def test_the_25_features_of_the_talk(elements):
    features = element_features(elements)
    assert (
        features.shape == (len(leaf_values(elements, "elements.kind")), 25) and features.dtype == np.float32
    )
    column = dict(zip(ELEMENT_FEATURES, features.T, strict=True))
    assert np.array_equal(features[:, 0], leaf_values(elements, "elements.kind"))
    pt = column["pt_gev"]
    np.testing.assert_allclose(np.hypot(column["px_gev"], column["py_gev"]), pt, rtol=1e-5)
    np.testing.assert_allclose(column["pz_gev"], pt * np.sinh(column["eta"]), rtol=1e-4)
    np.testing.assert_allclose(
        np.arctan2(column["py_gev"], column["px_gev"])[pt > 1e-3],
        np.remainder(column["phi"] + np.pi, 2 * np.pi)[pt > 1e-3] - np.pi,
        atol=1e-5,
    )
    assert set(ELEMENT_FEATURES) - {"px_gev", "py_gev", "pz_gev"} <= {
        f.leaf for f in ELEMENT_EVENTS.fields if f.collection == "elements" and f.role == "input"
    }


def test_features_are_chosen_by_name(elements):
    assert np.array_equal(
        element_features(elements, ("dz_cm",))[:, 0], leaf_values(elements, "elements.dz_cm")
    )
    with pytest.raises(UnknownName, match="energy_gev"):
        element_features(elements, ("energy",))


def test_words_for_the_numbers():
    assert len(CLASSES) == len(CLASS_PDG_IDS) == ELEMENT_EVENTS.by_name["elements.target_class"].high + 1
    assert len(ELEMENT_TYPES) == ELEMENT_EVENTS.by_name["elements.kind"].high + 1
