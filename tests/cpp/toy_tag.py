"""A toy tag with the interface of a set model (two signatures, a frozen graph, a manifest, goldens).

It stands in for a released one, so that the C++ client is tested where no weights are.
"""

import json
import shutil

import numpy as np


def toy_functions(tf):
    """A network of 16 units over masked hits, as three functions: padded, flat and frozen (named nodes)."""
    random = np.random.default_rng(7)
    first = tf.Variable(random.normal(size=(5, 16)).astype("float32"))
    last = tf.Variable(random.normal(size=(18, 6)).astype("float32"))

    def forward(hits, hit_mask, event):
        hits = tf.where(tf.math.is_nan(hits), 0.0, hits) * hit_mask[:, :, None]
        latent = (
            tf.nn.tanh(tf.einsum("bnf,fh->bnh", hits / (1.0 + tf.abs(hits)), first)) * hit_mask[:, :, None]
        )
        summed = tf.concat([tf.reduce_sum(latent, axis=1), event / (1.0 + tf.abs(event))], axis=1)
        dscb = tf.nn.sigmoid(tf.matmul(summed, last))
        raw = tf.reduce_sum(hits[:, :, 2], axis=1)
        energy = tf.where(raw > 0.0, raw * tf.exp(dscb[:, 0]), -1.0)
        return {
            "energy_gev": energy,
            "sigma_gev": tf.where(raw > 0.0, energy * dscb[:, 1], -1.0),
            "dscb": dscb,
        }

    hits, mask = (
        tf.TensorSpec([None, None, 5], tf.float32, "hits"),
        tf.TensorSpec([None, None], tf.float32, "hit_mask"),
    )
    event, rows = tf.TensorSpec([None, 2], tf.float32, "event"), tf.TensorSpec([None, 5], tf.float32, "hits")
    splits = tf.TensorSpec([None], tf.int64, "row_splits")

    class Toy(tf.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = first, last

        @tf.function(input_signature=[hits, mask, event])
        def serving_default(self, hits, hit_mask, event):
            return forward(hits, hit_mask, event)

        @tf.function(input_signature=[rows, splits, event])
        def flat(self, hits, row_splits, event):
            ragged = tf.RaggedTensor.from_row_splits(hits, row_splits, validate=True)
            mask = tf.sequence_mask(ragged.row_lengths(), dtype=tf.float32)
            return forward(ragged.to_tensor(shape=[None, None, 5]), mask, event)

        @tf.function(
            input_signature=[
                tf.TensorSpec(spec.shape, spec.dtype, f"in_{spec.name}") for spec in (hits, mask, event)
            ]
        )
        def frozen(self, hits, hit_mask, event):
            named = {"hits": hits, "hit_mask": hit_mask, "event": event}
            named = {name: tf.identity(value, name=name) for name, value in named.items()}
            return {name: tf.identity(value, name=name) for name, value in forward(**named).items()}

    return Toy()


def toy_events(n=7, longest=9, seed=3):
    """Padded inputs with a full object, an empty one, NaN in a padded slot and slots in any order."""
    random = np.random.default_rng(seed)
    mask = (random.random((n, longest)) < 0.6).astype("float32")
    mask[0], mask[1] = 1, 0
    hits = np.stack(
        [
            random.integers(1, 86, (n, longest)),
            random.integers(1, 361, (n, longest)),
            random.exponential(5.0, (n, longest)),
            np.full((n, longest), 0.15),
            random.integers(0, 3, (n, longest)),
        ],
        axis=-1,
    ).astype("float32")
    hits[mask == 0] = 0
    hits[1, 0] = np.nan
    return {"hits": hits, "hit_mask": mask, "event": random.random((n, 2)).astype("float32") * 20}


def write_toy_tag(folder):
    """Writes SavedModel, frozen graph, goldens and manifest of the toy; returns the folder."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    module, inputs = toy_functions(tf), toy_events()
    outputs = {name: value.numpy() for name, value in module.serving_default(**inputs).items()}
    signatures = {"serving_default": module.serving_default, "flat": module.flat}
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=signatures)
    frozen = convert_variables_to_constants_v2(module.frozen.get_concrete_function())
    (folder / "frozen.pb").write_bytes(frozen.graph.as_graph_def().SerializeToString())
    proto = saved_model_pb2.SavedModel.FromString((folder / "saved_model/saved_model.pb").read_bytes())
    definitions = proto.meta_graphs[0].signature_def
    names = {
        key: {
            "inputs": {name: info.name for name, info in sorted(definitions[key].inputs.items())},
            "outputs": {name: info.name for name, info in sorted(definitions[key].outputs.items())},
        }
        for key in ("serving_default", "flat")
    }
    golden = {"inputs": {}, "outputs": {}, "cases": ["full", "empty", *(f"random {i}" for i in range(5))]}
    for kind, arrays in (("inputs", inputs), ("outputs", outputs)):
        (folder / "golden" / kind).mkdir(parents=True)
        for name, array in arrays.items():
            golden[kind][name] = f"golden/{kind}/{name}.npy"
            np.save(folder / golden[kind][name], array)
    manifest = {
        "format": 1,
        "model": "toy",
        "tag": "toy_v1",
        "signatures": names,
        "golden": golden,
        "tolerance": 1e-5,
        "artefacts": {
            "saved_model": {"path": "saved_model", "sha256": ""},
            "frozen": {"path": "frozen.pb", "sha256": ""},
        },
    }
    for kind, arrays in (("inputs", inputs), ("outputs", outputs)):
        manifest[kind] = [
            {
                "name": name,
                "dtype": "float32",
                "shape": [-1, *((-1, *array.shape[2:]) if name.startswith("hit") else array.shape[1:])],
                "unit": "GeV",
                **({"mask_of": "hits"} if name == "hit_mask" else {}),
                "saved_model": names["serving_default"][kind][name],
                "frozen": name,
            }
            for name, array in arrays.items()
        ]
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    return folder


def write_objects(folder, inputs):
    """Padded inputs as the files that run_objects reads."""
    folder.mkdir()
    real = inputs["hit_mask"] > 0
    np.save(folder / "hits.npy", inputs["hits"][real])
    np.save(folder / "row_splits.npy", np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype("int64"))
    np.save(folder / "event.npy", inputs["event"])
    return folder


def copy_with(source, target, change):
    """A copy of a tag's folder whose manifest is changed by a function."""
    shutil.copytree(source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    change(manifest)
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def toy_reference(tf, toy, inputs):
    """Python's own answer from the SavedModel on disk."""
    signature = tf.saved_model.load(str(toy / "saved_model")).signatures["serving_default"]
    outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}
