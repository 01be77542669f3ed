"""A model zoo for calorimeter and particle-flow reconstruction."""

__version__ = "0.1.0"
