import dataclasses
import json

import numpy as np
import pytest

from training.baselines import mass_shapes
from training.baselines import recipe as baseline_recipe
from training.baselines.bdt_regression import Forest, Search
from training.baselines.linear_calibration import Grid
from training.trainer import recipe
from training.trainer.recipe import Data, Fit
from training.trainer.run import as_json
from zoo.errors import InvalidFile, InvalidValue, UnknownName


@pytest.mark.parametrize("path", sorted(recipe.RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_reads(path):
    if "preset" in recipe.read_toml(path).get("model", {}):
        assert recipe.read(path.stem).config() is not None
    else:
        blocks = {
            "bdt_regression": {"search": Search, "forest": Forest},
            "linear_calibration": {"grid": Grid},
            "mass_shapes": {"search": mass_shapes.Search, "forest": mass_shapes.Forest},
        }
        baseline_recipe.read(path.stem, blocks[path.stem], {})


def test_tables_and_back():
    drn = recipe.read("drn").override({"hidden": 16, "n": 1000})
    again = recipe.from_dict(json.loads(json.dumps(as_json(drn))))
    assert again == drn


def test_override_reaches_every_block():
    drn = recipe.read("drn").override(
        {"hidden": 16, "learning_rate": 2, "data.seed": 5, "fit.seed": 6, "samples": "electrons", "n": 1e6}
    )
    assert drn.config().hidden == 16
    assert drn.optimiser.learning_rate == 2.0 and isinstance(drn.optimiser.learning_rate, float)
    assert (drn.data.seed, drn.fit.seed, drn.data.samples, drn.data.n) == (5, 6, ("electrons",), 1_000_000)


@pytest.mark.parametrize(
    ("name", "near"), [("lerning_rate", "learning_rate"), ("hiden", "hidden"), ("data.sed", "data.seed")]
)
def test_unknown_field_names_the_nearest(name, near):
    with pytest.raises(UnknownName, match=near):
        recipe.read("drn").override({name: 1})


def test_a_field_of_two_blocks_must_be_written_with_its_block():
    with pytest.raises(InvalidValue, match=r"data\.seed or fit\.seed"):
        recipe.read("drn").override({"seed": 1})


@pytest.mark.parametrize(
    "change", [{"hidden": "many"}, {"batch_size": 0}, {"ema_momentum": 1.5}, {"pileup_free_fraction": -0.1}]
)
def test_bad_values(change):
    with pytest.raises(InvalidValue):
        recipe.read("drn").override(change)


def test_unknown_key_in_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[model]\nname = "drn"\npreset = "barrel"\n[fit]\nstep = 3\n')
    with pytest.raises(UnknownName, match="steps"):
        recipe.read(path)
    path.write_text('[model]\nname = "drn"\npreset = "barel"\n')
    with pytest.raises(UnknownName, match="barrel"):
        recipe.read(path)
    path.write_text('[model]\nname = "dnr"\npreset = "barrel"\n')
    with pytest.raises(UnknownName, match="drn"):
        recipe.read(path)
    path.write_text("not toml")
    with pytest.raises(InvalidFile, match=r"mine\.toml"):
        recipe.read(path)


def test_unknown_recipe():
    with pytest.raises(UnknownName, match="drn"):
        recipe.read("drm")


def test_assignments():
    assert recipe.parse_assignments(["hidden=64", "x=1e-3", "name=electrons", "flag=true"]) == {
        "hidden": 64,
        "x": 1e-3,
        "name": "electrons",
        "flag": True,
    }
    with pytest.raises(InvalidValue):
        recipe.parse_assignments(["hidden"])


@pytest.mark.parametrize(("steps", "per_epoch", "total"), [(1000, 200, 1000), (999, 200, 800), (50, 200, 50)])
def test_steps_are_whole_epochs(steps, per_epoch, total):
    fit = Fit(steps=steps, steps_per_epoch=per_epoch)
    assert fit.epochs * fit.epoch_steps == fit.total_steps == total


def test_baselines_are_trained_on_the_events_of_the_network():
    network = recipe.read("drn")
    for name, blocks in (
        ("bdt_regression", {"search": Search, "forest": Forest}),
        ("linear_calibration", {"grid": Grid}),
    ):
        assert baseline_recipe.read(name, blocks, {}).data == network.data


def test_the_boosted_trees_are_searched_for():
    assert (
        baseline_recipe.read("bdt_regression", {"search": Search, "forest": Forest}, {})
        .blocks["search"]
        .trials
        >= 50
    )


def test_baseline_overrides_are_checked():
    blocks = {"search": Search, "forest": Forest}
    chosen = baseline_recipe.read("bdt_regression", blocks, {"trials": 3, "n": 10})
    assert (chosen.blocks["search"].trials, chosen.data.n) == (3, 10)
    with pytest.raises(UnknownName, match="trials"):
        baseline_recipe.read("bdt_regression", blocks, {"trails": 3})
    with pytest.raises(InvalidValue, match=r"search\.rounds or forest\.rounds"):
        baseline_recipe.read("bdt_regression", blocks, {"rounds": 3})


def test_every_field_has_a_default():
    assert all(field.default is not dataclasses.MISSING for field in dataclasses.fields(Data))


def test_muon_orthogonalises_matrices_and_leaves_the_named_layers_to_adamw():
    """One step from random gradients: the singular values of Muon's are alike, not those of AdamW's."""
    import keras

    from training.trainer.run import optimiser

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, name="body"), keras.layers.Dense(8, name="body_last")]
    network = keras.Sequential([keras.Input((8,)), *layers])
    settings = {
        "name": "muon",
        "adamw_layers": ["last", "body_last"],
        "learning_rate": 1.0,
        "warmup_steps": 0,
    }
    settings |= {"weight_decay": 0.0, "clipnorm": 0.0}
    chosen = {f"optimiser.{name}": value for name, value in settings.items()}
    made = optimiser(recipe.read("drn").override(chosen))
    before = [np.array(weight) for weight in network.trainable_variables]
    rng = np.random.default_rng(1)
    made.build(network.trainable_variables)
    made.apply([rng.normal(size=w.shape).astype("f4") for w in before], network.trainable_variables)
    steps = [np.array(w) - b for w, b in zip(network.trainable_variables, before, strict=True)]
    spread = [np.linalg.svd(step, compute_uv=False) for step in steps if step.ndim == 2]
    assert spread[0].min() > 0.5 * spread[0].max() and spread[1].min() < 0.2 * spread[1].max()


def test_an_unknown_optimiser_is_named():
    with pytest.raises(UnknownName, match="muon"):
        recipe.read("drn").override({"optimiser.name": "muom"})
