"""The public name of `zoo.data.files.writers`: records written to ROOT files."""

from zoo.data.files.writers import write_root

__all__ = ["write_root"]
