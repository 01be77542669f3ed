"""What is asked of the network, beside what was measured, for each amount of pile-up.

| what | asked |
| --- | --- |
| efficiency of neutral hadrons, at rule-based PF's fake rate of the class | 5 points above PF's |
| the same of photons | 2 points above |
| the same of charged hadrons | not below |
| jets: distance of the quartiles of the response over its median | at most 0.95 of PF's, 1 in pile-up |
| the same of jets calibrated in barrel, endcaps and HF | the same |
| 97 % quantile of the error of MET | not above PF's |

The last three twice: of the candidates, and of expected momenta (output `visible`), which know no threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo.evaluation.energy.verdicts import verdict
from zoo.models.mlpf.report.comparison import EXPECTED, MODEL

__all__ = ["check_goals"]

Content = Mapping[str, Any]

GAINS = {"neutral hadron": 0.05, "photon": 0.02, "charged hadron": 0.0}
JETS, JETS_IN_PILEUP, MET = 0.95, 1.0, 1.0


def check_goals(groups: Sequence[Content]) -> list[dict[str, Any]]:
    """Compares a report with the goals.

    Args:
        groups: Of report.json.

    Returns:
        One entry a goal: what it is, `limit`, whether that is the least (`at_least`) or the most, `value`
        with its error, and the verdict: "met", "undecided" (beyond the limit by less than two errors) or
        "not met".
    """
    found = []
    for goal, limit, at_least, figure in _figures(groups):
        value, error = figure["value"], figure["error"]
        sign = -1.0 if at_least else 1.0
        beyond = verdict(None if value is None else sign * value, sign * limit, error)
        found.append(
            {"goal": goal, "limit": limit, "at_least": at_least, "value": value, "error": error,
             "verdict": beyond}
        )  # fmt: skip
    return found


def _figures(groups: Sequence[Content]) -> Iterator[tuple[str, float, bool, Content]]:
    for group in groups:
        where = group["label"]
        for name, least in GAINS.items():
            gain = group["classes"][name]["at_fake_rate"]["gain"]
            yield f"{where}: efficiency of {name}s above PF's, at its fake rate", least, True, gain
        most = JETS if group["high"] == 0 else JETS_IN_PILEUP
        for method, of in ((MODEL, "candidates"), (EXPECTED, "expected momenta")):
            jets, met = group["jets"], group["met"]
            for key, which in (("over_baseline", "jets"), ("calibrated_over_baseline", "calibrated jets")):
                width = jets[key][method]
                yield f"{where}: IQR over median of {which} of {of}, over PF's", most, False, width
            tails = met["over_baseline"][method]
            yield f"{where}: 97 % quantile of the error of MET of {of}, over PF's", MET, False, tails
