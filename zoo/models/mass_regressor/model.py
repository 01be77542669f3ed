"""The mass regressor as a functional Keras model.

image -> clean -> convolution -> residual stages -> maximum over the image -> with the seed's place -> mass.

The shipped network has no convolutions: shares of E_T around the seed (`energy_shares`) -> flattened -> dense
layers -> mass. What a crystal means depends on how far it is from the seed, which always stands at the same
place.
"""

from __future__ import annotations

import keras

from zoo.data.images import SEED_AT, SIDE
from zoo.layers.sanitize import SanitizeFeatures
from zoo.layers.standardize import Standardize
from zoo.models.mass_regressor.config import CHANNELS, SEED_FEATURES, MassRegressorConfig
from zoo.models.mass_regressor.energy_shares import EnergyShares
from zoo.models.mass_regressor.mass_output import MassOutput

N_IETA, N_IPHI = 170.0, 360.0


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int, padding: int, stride: int, name: str
) -> keras.KerasTensor:
    """Convolves after padding with zeros on all sides alike: "same" would pad one side only at stride 2."""
    if padding:
        x = keras.layers.ZeroPadding2D(padding, name=f"{name}_padding")(x)
    return keras.layers.Conv2D(filters, kernel, strides=stride, name=name)(x)


def _residual_block(
    x: keras.KerasTensor, filters: int, stride: int, activation: str, name: str
) -> keras.KerasTensor:
    """Two 3 x 3 convolutions beside a shortcut, itself a 1 x 1 convolution where the shape changes."""
    y = _convolution(x, filters, 3, 1, stride, f"{name}_first")
    y = keras.layers.Activation(activation, name=f"{name}_first_{activation}")(y)
    y = _convolution(y, filters, 3, 1, 1, f"{name}_second")
    if stride != 1 or x.shape[-1] != filters:
        x = _convolution(x, filters, 1, 0, stride, f"{name}_shortcut")
    y = keras.layers.Add(name=f"{name}_sum")([y, x])
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(y)


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

    clean = SanitizeFeatures(name="sanitize")(_cropped(image, config.crop))
    clean = keras.layers.ReLU(name="positive")(clean)
    clean_seed = SanitizeFeatures(name="sanitize_seed")(seed)
    place = Standardize([0.0, 0.0], [N_IETA, N_IPHI], name="place")(clean_seed)

    if config.shares:
        x, moments, momentum = EnergyShares(name="shares")(clean)
        beside = [moments, place]
    else:
        x = keras.layers.Rescaling(1.0 / config.energy_scale_gev, name="scale")(clean)
        beside, momentum = [place], None
    if config.stem_filters:
        x = _convolution(x, config.stem_filters, config.stem_kernel, config.stem_padding, 1, "stem")
        x = keras.layers.Activation(config.activation, name=f"stem_{config.activation}")(x)
    for stage, (filters, blocks, stride) in enumerate(
        zip(config.filters, config.blocks, config.strides, strict=True)
    ):
        for block in range(blocks):
            name = f"stage_{stage}_block_{block}"
            x = _residual_block(x, filters, stride if block == 0 else 1, config.activation, name)
    pool = keras.layers.GlobalMaxPooling2D if config.pool == "max" else keras.layers.Flatten
    x = keras.layers.Concatenate(name="features")([pool(name="pool")(x), *beside])
    for number, width in enumerate(config.dense):
        x = keras.layers.Dense(width, activation=config.activation, name=f"dense_{number}")(x)
    if momentum is None:
        scaled = keras.layers.Dense(1, name="scaled_mass")(x)
    else:  # a constant, and a part that rises with the E_T seen
        parts = keras.layers.Dense(2, name="scaled_mass")(x)
        scaled = parts[:, :1] + parts[:, 1:] * momentum[:, None]
    mass = MassOutput(config.mass_scale_gev, name="mass_gev")(scaled, clean)
    return keras.Model({"image": image, "seed": seed}, {"mass_gev": mass}, name="mass_regressor")


def _cropped(image: keras.KerasTensor, crop: int) -> keras.KerasTensor:
    """Keeps the crystals around the seed, which then stands at `crop // 2`."""
    if crop == SIDE:
        return image
    first = SEED_AT - crop // 2
    edges = (first, SIDE - first - crop)
    return keras.layers.Cropping2D((edges, edges), name="crop")(image)
