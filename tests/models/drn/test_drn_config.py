import dataclasses
import subprocess
import sys

import pytest

from zoo.errors import InvalidValue
from zoo.models.drn.config import PRESETS, DRNConfig


def test_presets_are_named_and_frozen():
    assert set(PRESETS) == {"cms", "two_layer", "barrel", "window"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["cms"].hidden = 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("aggregation", "median", "one of"),
        ("hit_coordinates", "polar", "'local'"),
        ("k", 0, ">= 1"),
        ("hidden", 3.5, "an integer"),
        ("undirected", 1, "true or false"),
        ("initial_sigma", 0.0, "a width"),
    ],
)
def test_a_bad_value_is_named(field, value, message):
    with pytest.raises(InvalidValue, match=f"DRNConfig.{field}.*{message}"):
        DRNConfig(**{field: value})


def test_two_aggregations_need_an_update_layer():
    with pytest.raises(InvalidValue, match="update_layers"):
        DRNConfig(aggregation="mean_max")


def test_config_and_events_import_no_tensorflow():
    code = "import sys, zoo.models.drn.config, zoo.models.drn.events; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
