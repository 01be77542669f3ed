import subprocess
import sys

import pytest

from zoo.errors import InvalidValue
from zoo.models.supercluster.config import PRESETS, SuperclusterConfig
from zoo.models.supercluster.model import build


@pytest.mark.parametrize(
    ("preset", "parameters"), [("eoy2018", 388_758), ("acat22", 387_966), ("simple_rechits", 168_860)]
)
def test_public_networks_have_their_published_size(preset, parameters):
    assert build(PRESETS[preset]).count_params() == parameters


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("network", "gnn", "'transformer'"),
        ("features", "acat", "'acat22'"),
        ("hit_width", 0, ">= 1"),
        ("node_layers", [64], "a tuple"),
        ("edge_layers", (64, 0), "a tuple of integers >= 1"),
        ("dropout", 1.0, "a fraction"),
        ("energy_weight", -1.0, "0 or more"),
        ("soft_f1_beta", 0.0, "above 0"),
    ],
)
def test_a_bad_value_is_named(field, value, message):
    with pytest.raises(InvalidValue, match=f"SuperclusterConfig.{field}.*{message}"):
        SuperclusterConfig(**{field: value})


def test_heads_divide_the_width():
    with pytest.raises(InvalidValue, match=r"heads.*divisor of node_width, 64"):
        SuperclusterConfig(network="transformer", heads=7, hit_width=16)


def test_config_events_and_windows_import_no_tensorflow():
    code = (
        "import sys, zoo.models.supercluster.config, zoo.models.supercluster.events;"
        "import zoo.models.supercluster.windows, zoo.models.supercluster.report;"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
