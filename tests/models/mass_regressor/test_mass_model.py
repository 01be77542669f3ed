"""The network: the published size and shapes, its padding, and dirty images."""

import dataclasses

import keras
import numpy as np
import pytest

from zoo.errors import InvalidValue, UnknownName
from zoo.models.mass_regressor.config import BARREL, CMS
from zoo.models.mass_regressor.energy_shares import EnergyShares
from zoo.models.mass_regressor.model import build


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    return build(CMS)


def answer(model, image, seed=(10.0, 20.0)):
    seeds = np.tile(np.float32(seed), (len(image), 1))
    return np.asarray(model({"image": image, "seed": seeds})["mass_gev"])


def test_published_size_and_shapes(model):
    assert model.count_params() == 85_459
    shapes = {
        name: model.get_layer(name).output.shape[1:] for name in ("stem", "stage_1_block_0_relu", "features")
    }
    assert shapes == {"stem": (28, 28, 16), "stage_1_block_0_relu": (14, 14, 32), "features": (34,)}


def test_strided_convolutions_pad_all_sides_alike(model):
    """Torch's padding: output pixel 0 of the strided convolution is centred on input pixel 0."""
    layer = model.get_layer("stage_1_block_0_first")
    padded = model.get_layer("stage_1_block_0_first_padding")
    x = np.random.default_rng(0).normal(size=(1, 28, 28, 16)).astype(np.float32)
    kernel, bias = (np.asarray(weight) for weight in layer.weights)
    corner = np.tensordot(x[0, :2, :2], kernel[1:, 1:], axes=3) + bias
    np.testing.assert_allclose(np.asarray(layer(padded(x)))[0, 0, 0], corner, rtol=1e-4, atol=1e-5)


def test_dark_images_give_minus_one_and_dirt_counts_as_dark(model):
    rng = np.random.default_rng(1)
    image = np.where(rng.random((4, 32, 32, 2)) < 0.1, rng.exponential(5.0, (4, 32, 32, 2)), 0).astype(
        np.float32
    )
    image[0] = 0.0
    dirty = image.copy()
    dirty[:, 3, 4, :] = np.array([np.nan, np.inf, -np.inf, -5.0])[:, None]
    image[:, 3, 4, :] = 0.0
    clean = answer(model, image)
    assert clean[0] == -1.0 and (clean[1:] != -1.0).all()
    np.testing.assert_array_equal(answer(model, dirty), clean)


def test_gradients_are_finite_and_reach_every_weight(model):
    import tensorflow as tf

    rng = np.random.default_rng(2)
    image = rng.exponential(1.0, (8, 32, 32, 2)).astype(np.float32)
    image[0] = 0.0
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            tf.abs(model({"image": image, "seed": np.zeros((8, 2), np.float32)})["mass_gev"] - 0.5)
        )
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert np.isfinite(gradient).all() and np.any(np.asarray(gradient) != 0), weight.path


def test_shares_and_moments_by_hand():
    image = np.zeros((2, 32, 32, 2), np.float32)
    image[0, 15, 15], image[0, 17, 14] = (30.0, 15.0), (10.0, 5.0)
    roots, features, momentum = (np.asarray(x) for x in EnergyShares()(image[:, 4:27, 4:27]))
    assert roots.shape == (2, 23, 23, 1) and features.shape == (2, 26)
    assert roots[0, 11, 11, 0] == pytest.approx(np.sqrt(0.75), abs=0.004)
    assert roots[0, 13, 10, 0] == pytest.approx(0.5, abs=0.004) and np.count_nonzero(roots[0] > 1e-6) == 2
    assert features[0, :2] == pytest.approx([np.log(0.8), 0.5], rel=1e-6) and momentum[0] == pytest.approx(
        0.8
    )
    in_3x3, in_5x5 = features[0, 2:8], features[0, 8:14]
    assert in_3x3 == pytest.approx([0, 0, 0, 0, 0, 0.75], abs=1e-6)
    assert in_5x5 == pytest.approx([0.5, -0.25, 0.75, 0.1875, -0.375, 1.0], abs=1e-6)
    assert np.isfinite(features[1]).all() and not roots[1].any()


def test_what_lies_outside_the_crop_does_not_matter():
    keras.utils.set_random_seed(4)
    network = build(BARREL)
    image = np.zeros((3, 32, 32, 2), np.float32)
    image[1:, 15, 15], image[1:, 15, 17], image[2, 3], image[2, 27:] = 40.0, 9.0, 30.0, np.nan
    found = answer(network, image)
    assert found[0] == -1.0 and found[1] == found[2]


def test_a_convolution_on_shares_and_one_on_a_crop_are_built():
    stages = {"stem_filters": 4, "filters": (4,), "blocks": (1,), "strides": (2,)}
    for config in (dataclasses.replace(BARREL, **stages), dataclasses.replace(CMS, crop=24, pool="flatten")):
        network = build(config)
        assert network.output["mass_gev"].shape == (None,)
        if config.crop == 24:
            image = np.arange(1024, dtype=np.float32).reshape(1, 32, 32, 1).repeat(2, -1)
            assert np.asarray(network.get_layer("crop")(image))[0, 12, 12, 0] == image[0, 15, 15, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"filters": (16, 0, 32)},
        {"blocks": (3, 1)},
        {"stem_kernel": 40},
        {"mass_scale_gev": 0.0},
        {"blocks": ()},
        {"dense": (0,)},
        {"crop": 33},
    ],
)
def test_bad_configurations_are_named(change):
    with pytest.raises(InvalidValue, match="crop" if "stem_kernel" in change else next(iter(change))):
        dataclasses.replace(CMS, **change)


def test_unknown_words_list_the_known_ones():
    with pytest.raises(UnknownName, match="'flatten'"):
        dataclasses.replace(CMS, pool="flaten")
