"""Cards: what is known of a model without importing its code, and where its released weights lie.

| module | content |
| --- | --- |
| `card` | `ModelCard` and its parts |
| `registry` | finds cards: `info`, `list_models` |
| `weights` | the folder of a tag, every file checked against the card |
| `tensors` | what the names and axes of a card's tensors say |
| `markdown` | cards as pages, and the table of the README |
"""
