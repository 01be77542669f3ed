"""The report on energies: every method on the same objects, in bins and classes, as JSON, plots and one page.

| module | content |
| --- | --- |
| `report` | `Method`, `EnergyReport`: start here |
| `comparison` | all methods in one bin, and their paired ratios |
| `classes`, `class_table` | classes of objects, and each class in bins of ET |
| `verdicts` | bins in which the model loses, limits that it meets |
| `page` | the HTML page, and which plots it shows |
| `card_metrics` | what of a report belongs on a card |
"""
