"""A model zoo for calorimeter and particle-flow reconstruction.

```python
import zoo

zoo.list_models()                                    # names; no TensorFlow is imported
model = zoo.load("drn")                              # a keras.Model with the default tag's weights
found = zoo.predict("drn", "electrons.root")         # records in, records out
answer = zoo.distribution("drn", found)              # intervals, quantiles and samples in GeV
zoo.reconstruct("clusters.root")                     # rechits or PF clusters -> superclusters with energies
```

Names are resolved on first use (PEP 562), so `import zoo` costs nothing. Keras is told to use TensorFlow.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from zoo.version import __version__

if TYPE_CHECKING:
    from zoo.cards.registry import info, list_models
    from zoo.exporting.export import export
    from zoo.exporting.verification import verify
    from zoo.inference.loading import distribution, load
    from zoo.inference.predicting import predict
    from zoo.reconstruction.chain import reconstruct

# Keras reads it at its first import; a backend that a user has chosen stays and is refused by `zoo.load`.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

__all__ = [
    "__version__",
    "distribution",
    "export",
    "info",
    "list_models",
    "load",
    "predict",
    "reconstruct",
    "verify",
]

_HOME = {
    "distribution": "zoo.inference.loading",
    "export": "zoo.exporting.export",
    "info": "zoo.cards.registry",
    "list_models": "zoo.cards.registry",
    "load": "zoo.inference.loading",
    "predict": "zoo.inference.predicting",
    "reconstruct": "zoo.reconstruction.chain",
    "verify": "zoo.exporting.verification",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
