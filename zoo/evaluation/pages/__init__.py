"""How results look: plots, and the parts of an HTML page.

| module | content |
| --- | --- |
| `parts` | tables, figures and the frame of a page |
| `folder` | a report's folder, replaced as a whole |
| `plots`, `mass_plots`, `selection_plots` | the plots |
"""
