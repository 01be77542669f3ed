"""`export`: one model as .keras, SavedModel, frozen graph and ONNX, with goldens and a manifest.

```
OUT/
  model.keras                    Keras; uncompiled
  saved_model/                   TensorFlow: signatures `serving_default` and, for a single set, `flat`
  frozen.pb                      TensorFlow, variables folded in, bare node names: for PhysicsTools/TensorFlow
  model.onnx                     ONNX Runtime, float32 only
  golden/inputs/<tensor>.npy     inputs, edge cases included ...
  golden/outputs/<tensor>.npy    ... and what the Keras model answers
  manifest.json                  every tensor's name in each artefact, checksums, configuration, versions
```

Everything is written into a hidden folder beside OUT, which takes its name when it is complete.
`zoo.verify(OUT)` then reloads each artefact in a fresh process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zoo
from zoo.cards.card import ModelCard, TensorSpec
from zoo.cards.weights import folder_sha256, sha256
from zoo.errors import InvalidFile, InvalidValue
from zoo.exporting.goldens import golden_inputs, write_tensors
from zoo.inference.loading import network_of

if TYPE_CHECKING:
    import keras

__all__ = ["TOLERANCE", "export", "replaced_folder"]

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE (|a| + std(a))
MANIFEST = "manifest.json"


def export(
    model: keras.Model,
    out: str | os.PathLike[str],
    *,
    tag: str | None = None,
    records: Any = None,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Exports a model to a folder.

    Args:
        model: A network of the zoo, as `zoo.load` returns it.
        out: The folder; replaced if it holds an earlier export, else it must not exist or be empty.
        tag: The weights' tag, recorded in the manifest; by default the one that the model was loaded by.
        records: Events for the goldens instead of the network's own `sample`.
        progress: Called with the name of each artefact before it is written.

    Returns:
        The folder.

    Raises:
        InvalidFile: The folder cannot be written or holds something else; nothing half-written stays.
        InvalidValue: The model does not fit its card.
    """
    network = network_of(model)
    card, config = network.card, dataclasses.asdict(network.config)
    _check_fits(model, card)
    out = Path(out).expanduser()
    tell = progress or (lambda _: None)
    from zoo.exporting import graphs

    with replaced_folder(out) as folder:
        tell("keras")
        graphs.write_keras(model, folder / "model.keras")
        tell("golden")
        inputs, cases = golden_inputs(network, records)
        outputs = graphs.call(model, card, inputs)
        write_tensors(folder / "golden" / "inputs", inputs)
        write_tensors(folder / "golden" / "outputs", outputs)
        tell("saved_model")
        graphs.write_saved_model(model, card, folder / "saved_model")
        tell("frozen")
        graph = graphs.write_frozen(model, card, folder / "frozen.pb")
        tell("onnx")
        metadata = {
            "model": card.name,
            "tag": vars(model).get("tag", "") if tag is None else tag,
            "preset": network.preset,
            "code_version": zoo.__version__,
        }
        graphs.write_onnx(graph, card, folder / "model.onnx", {**metadata, "config": json.dumps(config)})
        tell("manifest")
        manifest = _manifest(card, folder, cases, config=config, metadata=metadata)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return out


@contextlib.contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """Gives a hidden folder beside `out` that takes its place on success and vanishes on any error.

    Args:
        out: The folder to be; an existing one is replaced only if it is empty or an earlier export.

    Raises:
        InvalidFile: It cannot be written, the disk is full, or it holds something else.
    """
    if out.exists():
        if not out.is_dir():
            raise InvalidFile(out, "is a file.", "Expected a folder to write to.")
        if any(out.iterdir()) and not (out / MANIFEST).is_file():
            raise InvalidFile(out, "is not empty and no earlier export.", "Choose a new folder.")
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        temporary.chmod(0o755)
        yield temporary
        if out.exists():
            old = temporary.with_name(temporary.name + ".old")
            os.replace(out, old)
            os.replace(temporary, out)
            shutil.rmtree(old)
        else:
            os.replace(temporary, out)
    except OSError as error:
        if isinstance(error, InvalidFile):
            raise
        raise InvalidFile(
            out, f"cannot be written ({error.strerror or error}).", "Nothing was left behind."
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _manifest(
    card: ModelCard, folder: Path, cases: list[str], *, config: Any, metadata: dict[str, str]
) -> dict[str, Any]:
    from zoo.exporting import graphs

    signatures = graphs.signature_names(folder / "saved_model")
    serving = signatures["serving_default"]

    def tensors(specs: tuple[TensorSpec, ...], side: str) -> list[dict[str, Any]]:
        return [
            {
                "name": spec.name,
                "dtype": spec.dtype,
                "shape": list(spec.dims),
                "unit": spec.unit,
                "features": list(spec.features),
                "saved_model": serving[side][spec.name],
                "frozen": spec.name,
                "onnx": spec.name,
            }
            for spec in specs
        ]

    paths = {
        "keras": "model.keras",
        "saved_model": "saved_model",
        "onnx": "model.onnx",
        "frozen": "frozen.pb",
    }
    golden = {
        side: {spec.name: f"golden/{side}/{spec.name}.npy" for spec in specs}
        for side, specs in (("inputs", card.inputs), ("outputs", card.outputs))
    }
    files = [path for side in golden.values() for path in side.values()]
    return {
        "format": 1,
        **metadata,
        "config": config,
        "versions": _versions(),
        "inputs": tensors(card.inputs, "inputs"),
        "outputs": tensors(card.outputs, "outputs"),
        "signatures": signatures,
        "artefacts": {
            key: {
                "path": path,
                "sha256": folder_sha256(folder / path) if key == "saved_model" else sha256(folder / path),
            }
            for key, path in paths.items()
        },
        "golden": {**golden, "cases": cases, "sha256": {path: sha256(folder / path) for path in files}},
        "tolerance": TOLERANCE,
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("tensorflow", "keras", "numpy", "tf2onnx", "onnx")}


def _check_fits(model: keras.Model, card: ModelCard) -> None:
    for side, specs in (("inputs", card.inputs), ("outputs", card.outputs)):
        tensors = getattr(model, "input" if side == "inputs" else "output", None)
        names = sorted(tensors) if isinstance(tensors, dict) else tensors
        if names != sorted(spec.name for spec in specs):
            expected = f"a model with the {side} of its card, {[spec.name for spec in specs]}"
            raise InvalidValue(f"export of {card.name}", expected, names)
