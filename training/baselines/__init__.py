"""Fits the classical algorithms: `python -m training fit NAME`.

One module a baseline; `recipe` and `run` are what they share, `random_search` and `forest_text` serve the
trees.
"""
