"""Puts the default weights into the wheel: what `zoo.load(name)` needs, and the goldens to check it with.

The other formats (SavedModel, frozen graph, ONNX) and older tags stay in the repository.
"""

import tomllib
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NETWORK = ("model.keras", "manifest.json", "run.json", "golden/**/*.npy")


class CustomBuildHook(BuildHookInterface):
    """Adds `saved_models/<model>/<default tag>/` to the wheel as `zoo/saved_models/...`."""

    def initialize(self, version, build_data):
        """Fills `force_include`; an editable install finds the files in the checkout."""
        if version == "editable":
            return
        root = Path(self.root)
        for path in sorted(root.glob("zoo/*/*/card.toml")):
            card = tomllib.loads(path.read_text(encoding="utf-8"))
            tag = card.get("tags", {}).get(card.get("default_tag"))
            if tag is None:
                continue
            folder = root / "saved_models" / card["name"] / card["default_tag"]
            patterns = tag["files"] if card["kind"] == "baseline" else NETWORK
            files = sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})
            if not files:
                raise FileNotFoundError(f"{folder}: the card's default tag has no files here")
            for file in files:
                build_data["force_include"][str(file)] = f"zoo/{file.relative_to(root).as_posix()}"
