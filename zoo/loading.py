"""`load`: a model by name, by name and tag, or from a run's folder; `distribution` for its answers.

| spelling | gives |
| --- | --- |
| `load("drn")` | the default tag's weights |
| `load("drn.barrel_v1")` | the weights of that tag |
| `load("./runs/drn-001")` | a local run, or an exported folder |
| `load("drn", weights=None, preset="cms", hidden=32)` | an untrained network, fields of a preset replaced |

The sha256 of a file is checked before it is opened. Nothing is unpickled, Keras' `safe_mode` stays on.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zoo
from zoo.artefacts import check_file, tag_file
from zoo.cards import ModelCard
from zoo.errors import InvalidFile, InvalidValue, UnknownName, ZooError
from zoo.registry import info, is_folder, model_module, split_name

if TYPE_CHECKING:
    import keras

__all__ = ["distribution", "folder_model", "load", "model_config"]


def load(
    name: str | os.PathLike[str],
    *,
    weights: str | None = "default",
    preset: str | None = None,
    **overrides: Any,
) -> keras.Model:
    """Loads a model.

    Args:
        name: "drn", "drn.barrel_v1", or a folder that starts with "./", "../", "/" or "~".
        weights: "default" for the weights of the tag or folder, None for an untrained network.
        preset: With `weights=None`: which of the card's presets to build.
        **overrides: With `weights=None`: single fields of the preset's configuration to replace.

    Returns:
        An uncompiled `keras.Model` whose inputs and outputs are dicts of named tensors; its attribute
        `origin` says where the weights came from ("drn.barrel_v1", a folder, or "drn (untrained, preset
        cms)").

    Raises:
        UnknownName: No such model, tag, preset or field; the nearest names are listed.
        InvalidValue: Arguments that do not go together.
        InvalidFile: A file is missing, or was written by other code.
        ChecksumMismatch: A file is not the recorded one.
    """
    if weights not in ("default", None):
        raise InvalidValue(
            "weights", "'default' or None (a tag is part of the name: 'drn.barrel_v1')", repr(weights)
        )
    if weights is not None and (preset is not None or overrides):
        given = ", ".join(
            ([f"preset={preset!r}"] if preset else []) + [f"{k}={v!r}" for k, v in overrides.items()]
        )
        raise InvalidValue(
            "preset and overrides", "weights=None beside them (weights fix the network)", given
        )
    if isinstance(name, os.PathLike) or is_folder(name) or name in (".", ".."):
        if weights is None:
            raise InvalidValue("weights=None", "a model's name", f"the folder {os.fspath(name)!r}")
        return _from_folder(Path(name).expanduser())
    card = info(name)
    if card.kind == "baseline":
        raise InvalidValue("model", f"a network; use zoo.baselines.{card.name}.predict(records)", repr(name))
    if weights is None:
        return _untrained(card, str(name), preset, overrides)
    if not card.tags:
        raise InvalidValue(
            f"weights of {card.name}",
            "a released tag",
            "none is released yet; weights=None builds it untrained",
        )
    tag = card.tag(split_name(name)[1])
    model = _read(tag_file(card, tag, "model.keras"), card.name)
    model.origin = f"{card.name}.{tag.name}"
    return model


def model_config(name: str, preset: str | None = None, **overrides: Any) -> Any:
    """Returns a model's configuration: a preset with single fields replaced. Imports no TensorFlow.

    Args:
        name: The model.
        preset: One of the card's presets, the default one if None.
        **overrides: Fields to replace.

    Returns:
        The model's frozen configuration dataclass.

    Raises:
        UnknownName: No such preset or field.
    """
    card = info(name)
    presets: Mapping[str, Any] = model_module(card.name, "config").PRESETS
    wanted = preset or card.default_preset
    if wanted not in presets:
        raise UnknownName("preset", wanted, presets, where=f"the card of {card.name}")
    config = presets[wanted]
    fields = [field.name for field in dataclasses.fields(config)]
    for field in overrides:
        if field not in fields:
            raise UnknownName("override", field, fields, where=f"the configuration of {card.name}")
    return dataclasses.replace(config, **overrides)


def distribution(name: str | keras.Model, outputs: Any) -> Any:
    """Turns a model's outputs into distributions of the physical quantity.

    Args:
        name: The model's name, or the model.
        outputs: What `predict` or the model returned.

    Returns:
        For "drn": `zoo.models.drn.distribution.EnergyDistribution`, with `.intervals`, `.quantile`,
        `.sample`, `.cdf` and `.mode` in GeV.

    Raises:
        InvalidValue: The model predicts no distribution.
    """
    card = info(name if isinstance(name, str) else name.name)
    try:
        module = model_module(card.name, "distribution")
    except ModuleNotFoundError as error:
        if error.name != f"zoo.models.{card.name}.distribution":
            raise
        raise InvalidValue("distribution", "a model that predicts one", repr(card.name)) from error
    return module.distribution(outputs)


def folder_model(folder: Path) -> str:
    """Returns which model the folder of a run or an export holds."""
    return _folder_record(folder)["model"]


def _untrained(card: ModelCard, name: str, preset: str | None, overrides: Mapping[str, Any]) -> keras.Model:
    if split_name(name)[1] is not None:
        raise InvalidValue("weights=None", f"a name without a tag, {card.name!r}", repr(name))
    config = model_config(card.name, preset, **overrides)
    _check_backend()
    model: keras.Model = model_module(card.name, "model").build(config)
    changed = "".join(f", {field}={value!r}" for field, value in overrides.items())
    model.origin = f"{card.name} (untrained, preset {preset or card.default_preset}{changed})"
    return model


def _from_folder(folder: Path) -> keras.Model:
    if not folder.is_dir():
        raise InvalidFile(
            folder, "is no folder.", "Expected the folder of a run or of an export, with model.keras."
        )
    record = _folder_record(folder)
    card = info(record["model"])
    path = check_file(folder / "model.keras", record["sha256"])
    model = _read(path, card.name, code_version=record["code_version"])
    model.origin = str(folder)
    return model


def _folder_record(folder: Path) -> dict[str, str]:
    """Returns model, sha256 of model.keras and code_version from a folder's manifest.json or run.json."""
    for name in ("manifest.json", "run.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            files = (
                content["artefacts"]["keras"] if name == "manifest.json" else content["files"]["model.keras"]
            )
            digest = files["sha256"] if isinstance(files, dict) else files
            model = content["model"] if "model" in content else content["recipe"]["model"]["name"]
            return {"model": model, "sha256": digest, "code_version": str(content["code_version"])}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidFile(
                path, f"does not say model, sha256 and code_version ({error!r}).", "Is the run finished?"
            ) from error
    raise InvalidFile(
        folder, "has neither manifest.json nor run.json.", "Is it the folder of a run or of an export?"
    )


def _read(path: Path, name: str, code_version: str | None = None) -> keras.Model:
    """Reads a checked .keras file; `code_version` is the code that wrote a local run."""
    _check_backend()
    import keras

    here = zoo.__version__
    other = code_version is not None and code_version.split("+")[0].split(".")[:2] != here.split(".")[:2]
    cure = f"Written by code {code_version}, this is {here}: load it with that code, or train again."
    if other:
        raise InvalidFile(path, "was written by other code, whose layers may mean something else.", cure)
    model_module(name, "model")  # registers the layers that the file names
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except ZooError:
        raise
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).strip().split("\n")[0][:300]
        raise InvalidFile(
            path, f"cannot be read by this code: {reason}", cure if code_version else ""
        ) from error


def _check_backend() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise InvalidValue(
            "Keras backend",
            "tensorflow (set KERAS_BACKEND=tensorflow before the first import of keras)",
            keras.backend.backend(),
        )
