"""Contests: networks, baselines and chains on the same events, with honest errors.

| module | content |
| --- | --- |
| `objects` | the contest of energies of single objects |
| `chains` | the contest of whole chains, from clusters to energies |
| `seeds` | the spread over trainings with other seeds |
| `contestants`, `events` | who takes part, and on what |
| `page`, `markdown` | how the result looks |
"""
