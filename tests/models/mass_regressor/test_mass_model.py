"""The network: the published size and shapes, its padding, and dirty images."""

import dataclasses

import keras
import numpy as np
import pytest

from zoo.errors import InvalidValue
from zoo.models.mass_regressor.config import CMS
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


@pytest.mark.parametrize(
    "change", [{"filters": (16, 0, 32)}, {"blocks": (3, 1)}, {"stem_kernel": 40}, {"mass_scale_gev": 0.0}]
)
def test_bad_configurations_are_named(change):
    with pytest.raises(InvalidValue, match=next(iter(change))):
        dataclasses.replace(CMS, **change)
