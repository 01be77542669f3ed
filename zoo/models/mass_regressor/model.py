"""The mass regressor as a functional Keras model.

image -> clean -> convolution -> residual stages -> maximum over the image -> with the seed's place -> mass.
"""

from __future__ import annotations

import keras

from zoo.data.images import SIDE
from zoo.layers.sanitize import SanitizeFeatures
from zoo.layers.standardize import Standardize
from zoo.models.mass_regressor.config import CHANNELS, SEED_FEATURES, MassRegressorConfig
from zoo.models.mass_regressor.mass_output import MassOutput

N_IETA, N_IPHI = 170.0, 360.0


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int, padding: int, stride: int, name: str
) -> keras.KerasTensor:
    """Convolves after padding with zeros on all sides alike: "same" would pad one side only at stride 2."""
    if padding:
        x = keras.layers.ZeroPadding2D(padding, name=f"{name}_padding")(x)
    return keras.layers.Conv2D(filters, kernel, strides=stride, name=name)(x)


def _residual_block(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    """Two 3 x 3 convolutions beside a shortcut, itself a 1 x 1 convolution where the shape changes."""
    y = _convolution(x, filters, 3, 1, stride, f"{name}_first")
    y = keras.layers.ReLU(name=f"{name}_first_relu")(y)
    y = _convolution(y, filters, 3, 1, 1, f"{name}_second")
    if stride != 1 or x.shape[-1] != filters:
        x = _convolution(x, filters, 1, 0, stride, f"{name}_shortcut")
    y = keras.layers.Add(name=f"{name}_sum")([y, x])
    return keras.layers.ReLU(name=f"{name}_relu")(y)


def build(config: MassRegressorConfig) -> keras.Model:
    """Builds the network with fresh weights (CMS-EGM-20-001, PRD 108 (2023) 052002).

    Args:
        config: The configuration; presets stand in `zoo.models.mass_regressor.config`.

    Returns:
        A model "mass_regressor" from a dict of `image` [B, 32, 32, 2] (E_T and |E_z| of each crystal in GeV,
        rows ieta, columns iphi, the highest crystal at [15, 15]) and `seed` [B, 2] (ieta, iphi of that
        crystal) to a dict of `mass_gev` [B]. The layer "features" is there for feature extraction.
    """
    image = keras.Input((SIDE, SIDE, len(CHANNELS)), name="image", dtype="float32")
    seed = keras.Input((len(SEED_FEATURES),), name="seed", dtype="float32")

    clean = SanitizeFeatures(name="sanitize")(image)
    clean = keras.layers.ReLU(name="positive")(clean)
    clean_seed = SanitizeFeatures(name="sanitize_seed")(seed)

    x = keras.layers.Rescaling(1.0 / config.energy_scale_gev, name="scale")(clean)
    x = _convolution(x, config.stem_filters, config.stem_kernel, config.stem_padding, 1, "stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    for stage, (filters, blocks, stride) in enumerate(
        zip(config.filters, config.blocks, config.strides, strict=True)
    ):
        for block in range(blocks):
            x = _residual_block(x, filters, stride if block == 0 else 1, f"stage_{stage}_block_{block}")
    x = keras.layers.GlobalMaxPooling2D(name="pool")(x)
    place = Standardize([0.0, 0.0], [N_IETA, N_IPHI], name="place")(clean_seed)
    x = keras.layers.Concatenate(name="features")([x, place])
    scaled = keras.layers.Dense(1, name="scaled_mass")(x)
    mass = MassOutput(config.mass_scale_gev, name="mass_gev")(scaled, clean)
    return keras.Model({"image": image, "seed": seed}, {"mass_gev": mass}, name="mass_regressor")
