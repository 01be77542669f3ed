"""End-to-end mass regression of merged a -> gamma gamma decays, from images of crystals.

| file | what |
| --- | --- |
| `config.py` | the configuration and its presets |
| `images.py` | hits to images: the crop around the seed |
| `model.py` | the network |
"""
