"""Search spaces: one module for each model, with `space(hp)`."""

__all__: list[str] = []
