"""The public name of `zoo.data.files.readers`: ROOT files read into records."""

from zoo.data.files.readers import iterate_root, read_metadata, read_root

__all__ = ["iterate_root", "read_metadata", "read_root"]
