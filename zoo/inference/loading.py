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

from zoo.cards import registry
from zoo.cards.registry import info, is_folder, split_name
from zoo.cards.weights import check_file, tag_file
from zoo.errors import InvalidFile, InvalidValue, ZooError
from zoo.models.network import Network

if TYPE_CHECKING:
    import keras

__all__ = ["distribution", "folder_model", "load", "network_of"]

FORMAT = 1
"""Of the folders that can be loaded: the field `format` of `manifest.json` and `run.json`."""


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
        An uncompiled `keras.Model` whose inputs and outputs are dicts of named tensors. Its attribute
        `origin` says where the weights came from ("drn.barrel_v1", a folder, or "drn (untrained, preset
        cms)"), `network` holds its configuration and all that belongs to it (`zoo.models.network`).

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
    if weights is None:
        return _untrained(str(name), preset, overrides)
    card = info(name)
    if card.kind != "baseline" and not card.tags:
        raise InvalidValue(
            f"weights of {card.name}",
            "a released tag",
            "none is released yet; weights=None builds it untrained",
        )
    network = registry.network(name)
    tag = card.tag(split_name(name)[1])
    path = tag_file(card, tag, "model.keras")
    if "manifest.json" in tag.files:
        network = _folder_record(tag_file(card, tag, "manifest.json").parent).network
    return _named(_read(path, network), f"{card.name}.{tag.name}", tag.name)


def network_of(model: str | os.PathLike[str] | keras.Model) -> Network:
    """Returns the network that a model is, in its configuration. No TensorFlow is imported.

    Args:
        model: A name, a tag, or the folder of a run or an export; or a model. One that `load` did not make is
            taken to be of the default preset.

    Raises:
        UnknownName: There is no such model or tag.
        InvalidValue: It is a baseline.
        InvalidFile: The folder holds no finished run and no export.
    """
    if isinstance(model, os.PathLike) or (isinstance(model, str) and is_folder(model)):
        return _folder_record(Path(model).expanduser()).network
    if isinstance(model, str):
        return registry.network(model)
    found = vars(model).get("network")
    return found if isinstance(found, Network) else registry.network(str(model.name))


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
    return network_of(name).distribution(outputs)


def folder_model(folder: Path) -> str:
    """Returns the name of the network or baseline whose run or export a folder holds.

    Raises:
        InvalidFile: It holds neither.
    """
    path, content = _folder_content(folder)
    if not isinstance(content.get("model"), str):
        raise InvalidFile(path, "does not name its model.", "Is it the folder of a run or of an export?")
    return str(content["model"])


@dataclasses.dataclass(frozen=True)
class _Record:
    """What a folder says of itself in `manifest.json` or `run.json`."""

    network: Network
    tag: str
    sha256: str  # of model.keras
    code_version: str


def _untrained(name: str, preset: str | None, overrides: Mapping[str, Any]) -> keras.Model:
    if split_name(name)[1] is not None:
        raise InvalidValue("weights=None", f"a name without a tag, {split_name(name)[0]!r}", repr(name))
    network = registry.network(name, preset or "", **overrides)
    _check_backend()
    changed = "".join(f", {field}={value!r}" for field, value in overrides.items())
    return _named(network.build(), f"{network.name} (untrained, preset {network.preset}{changed})")


def _named(model: keras.Model, origin: str, tag: str = "") -> keras.Model:
    model.origin, model.tag = origin, tag
    return model


def _from_folder(folder: Path) -> keras.Model:
    if not folder.is_dir():
        raise InvalidFile(
            folder, "is no folder.", "Expected the folder of a run or of an export, with model.keras."
        )
    record = _folder_record(folder)
    path = check_file(folder / "model.keras", record.sha256)
    model = _read(path, record.network, f"Written by code {record.code_version}.")
    return _named(model, str(folder), record.tag)


def _folder_record(folder: Path) -> _Record:
    path, content = _folder_content(folder)
    try:
        if path.name == "manifest.json":
            model, preset, config = content["model"], content["preset"], content["config"]
            digest = content["artefacts"]["keras"]["sha256"]
        else:
            config = dict(content["recipe"]["model"])
            model, preset = config.pop("name"), config.pop("preset")
            digest = content["files"]["model.keras"]
        network = registry.network(model, preset, **{name: _tuples(v) for name, v in config.items()})
        return _Record(network, content.get("tag", ""), digest, str(content["code_version"]))
    except ZooError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidFile(
            path, f"does not say model, sha256 and code_version ({error!r}).", "Is the run finished?"
        ) from error


def _folder_content(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Reads the record of an export, else of a run."""
    for path in (folder / "manifest.json", folder / "run.json"):
        if not path.is_file():
            continue
        try:
            content = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InvalidFile(path, f"cannot be read as JSON ({error}).") from error
        if content.get("format") != FORMAT:
            found = f"has format {content.get('format')!r}; this code reads format {FORMAT}."
            raise InvalidFile(path, found, "Load it with the code that wrote it.")
        return path, content
    raise InvalidFile(
        folder, "has neither manifest.json nor run.json.", "Is it the folder of a run or of an export?"
    )


def _tuples(value: Any) -> Any:
    """Turns JSON's lists into the tuples of a configuration."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _read(path: Path, network: Network, cure: str = "") -> keras.Model:
    """Reads a checked .keras file."""
    _check_backend()
    import keras

    network.builder()  # registers the layers that the file names
    try:
        model: keras.Model = keras.models.load_model(path, compile=False, safe_mode=True)
    except ZooError:
        raise
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        reason = str(error).strip().split("\n")[0][:300]
        raise InvalidFile(path, f"cannot be read by this code: {reason}", cure) from error
    model.network = network
    return model


def _check_backend() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise InvalidValue(
            "Keras backend",
            "tensorflow (set KERAS_BACKEND=tensorflow before the first import of keras)",
            keras.backend.backend(),
        )
