"""The `zoo` command, one module for each group of sub-commands.

| module | sub-commands |
| --- | --- |
| `catalogue` | list, info |
| `events` | simulate, predict, evaluate |
| `chain` | reconstruct |
| `release` | export, verify |
| `console` | progress bars, and the checks of paths that come before anything slow |

Each sub-command checks what it was given before it imports anything heavy.
"""

__all__ = ["catalogue", "chain", "console", "events", "release"]
