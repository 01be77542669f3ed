import json
import subprocess
import sys

import pytest

import zoo
from zoo.cards import registry
from zoo.errors import InvalidValue, UnknownName
from zoo.models.network import network

FRESH = """
import json, sys
import zoo
names = zoo.list_models()
packages = ("tensorflow", "keras", "numpy", "awkward", "rich", "tensorflow_probability")
print(json.dumps([names, [name for name in packages if name in sys.modules]]))
"""


def test_import_and_list_are_light_in_a_fresh_process():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    names, heavy = json.loads(done.stdout)
    assert names == zoo.list_models()
    assert heavy == []


def test_public_names_all_resolve_without_tensorflow_models():
    assert set(zoo.__all__) <= set(dir(zoo))
    assert zoo.list_models is registry.list_models
    with pytest.raises(AttributeError, match="no attribute 'loda'"):
        _ = zoo.loda


def test_drn_is_registered():
    assert "drn" in zoo.list_models()
    assert "drn" in zoo.list_models(task="energy", kind="set")
    assert zoo.list_models("dr*") == ["drn"]
    assert zoo.list_models("nothing*") == []
    assert zoo.list_models(kind="image") == ["mass_regressor"]


def test_baselines_are_listed_apart():
    names = zoo.list_models(kind="baseline")
    assert not set(names) & set(zoo.list_models())
    assert all(zoo.info(name).kind == "baseline" for name in names)


@pytest.mark.parametrize("argument", [{"task": "enrgy"}, {"kind": "sett"}])
def test_unknown_filters_name_the_nearest(argument):
    with pytest.raises(UnknownName, match="Did you mean"):
        zoo.list_models(**argument)


def test_natural_order(tmp_path, monkeypatch, toy_models):
    text = (toy_models / "toy" / "card.toml").read_text()
    for name in ("net_v10", "net_v2", "net_v1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.toml").write_text(text.replace('name = "toy"', f'name = "{name}"', 1))
    monkeypatch.setenv("ZOO_MODELS", str(tmp_path))
    assert zoo.list_models("net*") == ["net_v1", "net_v2", "net_v10"]


def test_a_model_outside_the_package_is_found_and_imported(toy_models):
    assert "toy" in zoo.list_models()
    assert type(network("toy")).__module__ == "zoo.models.toy"
    assert zoo.info("toy").default_preset == "small"


def test_unknown_model_lists_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown model 'dnr'. Did you mean 'drn'"):
        zoo.info("dnr")


def test_unknown_tag_lists_the_nearest(toy_release):
    assert zoo.info("toy.toy_v1").name == "toy"
    with pytest.raises(UnknownName, match=r"unknown tag 'toy_v2' in the card of toy. Did you mean 'toy_v1'"):
        zoo.info("toy.toy_v2")


@pytest.mark.parametrize(
    "path", ["runs/drn-001", "../drn", "./drn", "saved_models/drn/barrel_v1", "drn/model.keras"]
)
def test_a_path_without_dot_slash_is_refused_with_both_spellings(path):
    with pytest.raises(InvalidValue) as error:
        registry.split_name(path)
    assert "'drn'" in str(error.value)
    assert f"'./{path.removeprefix('./')}'" in str(error.value)
