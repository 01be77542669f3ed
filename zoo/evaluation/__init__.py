"""Evaluation: how good an answer is, beside its baselines, on the same events, with honest errors.

| to measure | use |
| --- | --- |
| energies of objects by several methods, as a report | `energy` |
| a width without a fit; with the fit of CMS | `resolution`; `cruijff` |
| median, mode and tails of a response | `response` |
| all of these for one method in one bin | `measures` |
| whether a predicted uncertainty is right | `coverage` |
| an error where events share showers; a paired ratio | `bootstrap` |
| something in bins of ET, eta, pile-up, R9, ... | `binning` |
| a selection of clusters: precision, recall, ROC curve, half-widths | `selection` |
| a mass regression; what the best one says of single photons | `mass`; `posterior_median` |
| the width of a resonance of two electrons | `dielectron_mass` |
| jets and their partners; quantiles of millions of particles | `jets`; `quantiles` |
| how it looks | `pages` |

NumPy, SciPy and (for fits, jets and plots) iminuit, FastJet and mplhep; no TensorFlow.
"""

from zoo.evaluation.binning import Variable, energy_variables
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.energy.report import EnergyReport, Method

__all__ = ["ClusterBootstrap", "EnergyReport", "Method", "Variable", "energy_variables"]
