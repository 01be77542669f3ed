"""From toy records through the training's own path to a network, and a network with convolutions exported."""

import keras
import numpy as np
import pytest

import zoo
from training.trainer.recipe import read
from training.trainer.run import run
from zoo.exporting.goldens import golden_inputs
from zoo.exporting.verification import compare
from zoo.exporting.verification_process import runner
from zoo.models.mass_regressor import events

TOYS = {
    "samples": "toy", "test_samples": "toy", "n": 96, "validation_n": 64, "shard_size": 64, "batch_size": 32,
    "steps": 4, "steps_per_epoch": 4, "crop": 17, "dense": (8,),
}  # fmt: skip


def test_the_validation_loss_is_the_mean_absolute_error_of_what_has_energy(tmp_path):
    recipe = read("mass_regressor").override(TOYS)
    result = run(recipe, tmp_path / "run", cache=tmp_path / "cache", processes=1, verbose=False)
    network = zoo.load(tmp_path / "run")
    from training.trainer import data

    seen = data.prepare(
        recipe.data, "validation", n=64, cache=tmp_path / "cache", model="mass_regressor", quiet=True
    ).records()
    error = np.asarray(zoo.predict(network, seen).mass_gev) - events.targets(seen)["mass_gev"]
    weight = events.weights(seen)
    assert weight.min() == 0 and result.objects_seen == 128
    assert result.best_val_loss == pytest.approx(np.sum(np.abs(error) * weight) / len(weight), rel=1e-4)


def test_padded_and_strided_convolutions_in_every_runtime(tmp_path):
    """The shipped network has none; the published one has both, here with fewer channels."""
    fewer = {"stem_filters": 4, "filters": (4, 8), "blocks": (1, 1), "strides": (1, 2)}
    keras.utils.set_random_seed(3)
    model = zoo.load("mass_regressor", weights=None, preset="cms", **fewer)
    folder = zoo.export(model, tmp_path / "export")
    assert zoo.load(folder).network.config == model.network.config
    inputs, names = golden_inputs(model.network)
    expected = runner("keras", folder)(inputs)
    assert {"image with NaN", "image with a negative value"} <= {name.split(": ")[-1] for name in names}
    assert expected["mass_gev"][list(events.SAMPLE_CASES).index("no energy")] == -1.0
    for runtime in ("saved_model", "frozen", "onnx"):
        largest, flips = compare(expected, runner(runtime, folder)(inputs), tolerance=1e-5, cases=names)
        assert not flips, f"{runtime}: {largest:.2f} of the tolerance, {flips[:3]}"
