"""A tiny model for the tests."""
