"""Cards: what is known of a model without importing its code, and where its released weights lie.

| module | content |
| --- | --- |
| `card`, `reading` | `ModelCard` and its parts, and the file they are read from |
| `registry` | finds cards: `info`, `list_models` |
| `weights` | the folder of a tag, every file checked against the card |
| `tensors` | what the names and axes of a card's tensors say |
| `model_table`, `markdown` | the table of the README, and how a row is written |
"""
