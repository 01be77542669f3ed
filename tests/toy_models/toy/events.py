"""Events of the toy: records are awkward arrays with hits.x_cm, hits.y_cm, hits.energy_gev and rho_gev."""

import awkward as ak
import numpy as np

from zoo.data.kinds.schema import Field, Schema
from zoo.errors import InvalidValue

TOYS = Schema(
    "toys",
    "events of the toy",
    99,
    "hits",
    (
        Field("hits.x_cm", "float32", "cm", "input", "place"),
        Field("hits.y_cm", "float32", "cm", "input", "place"),
        Field("hits.energy_gev", "float32", "GeV", "input", "energy", 0.0),
        Field("rho_gev", "float32", "GeV", "input", "energy density", 0.0),
    ),
)


def sample(n, seed):
    """Returns n events; the first three have 0, 1 and 2 hits."""
    rng = np.random.default_rng(seed)
    counts = np.concatenate([[0, 1, 2], rng.integers(3, 12, n)])[:n]
    total = counts.sum()
    hits = {
        "x_cm": rng.normal(size=total).astype("f4"),
        "y_cm": rng.normal(size=total).astype("f4"),
        "energy_gev": rng.exponential(size=total).astype("f4"),
    }
    hits = ak.zip({name: ak.unflatten(values, counts) for name, values in hits.items()})
    return ak.zip({"hits": hits, "rho_gev": rng.uniform(0, 20, n).astype("f4")}, depth_limit=1)


def to_inputs(records):
    """Returns dense tensors."""
    longest = max(int(ak.max(ak.num(records.hits), initial=1)), 1)

    def dense(values):
        return ak.to_numpy(ak.fill_none(ak.pad_none(values, longest, clip=True), 0.0)).astype("f4")

    hits = np.stack([dense(records.hits[name]) for name in ("x_cm", "y_cm", "energy_gev")], axis=-1)
    mask = dense(ak.ones_like(records.hits.energy_gev))
    return {"hits": hits, "hit_mask": mask, "event": ak.to_numpy(records.rho_gev)[:, None].astype("f4")}


def validate(inputs):
    """Refuses NaN."""
    for name, values in inputs.items():
        if not np.isfinite(values).all():
            raise InvalidValue(name, "finite numbers", "NaN or infinity")
