"""Evaluation: how good an energy is, beside its baselines, on the same events, with honest errors.

| module | idea |
| --- | --- |
| `cruijff` | the Cruijff fit of a response: sigma/mu |
| `resolution` | the effective (68.3 %) width over the median, weighted and fast |
| `response` | median, mode, tails, and what no correction can reach |
| `coverage` | the probability-integral transform and the coverage of intervals |
| `bootstrap` | errors over library showers instead of events, one or two to an event; paired ratios |
| `binning` | the variables of a report: ET, eta, pile-up, R9, H/E, position in the crystal, ... |
| `classes` | classes of objects: pile-up, low bremsstrahlung, gaps, dead crystals, ... |
| `measures` | all of the above for one method in one bin |
| `selection` | a selection of clusters: precision, recall, ROC curve, confusion of classes, half-widths |
| `mass`, `mass_plots` | a mass regression: errors, bias, photons; and how they look |
| `jets` | anti-kt jets, their partners, the density of pile-up |
| `quantiles` | quantiles of millions of particles, with errors over events |
| `posterior_median` | what the best mass regressor says of single photons |
| `comparison` | all methods in one bin, and their paired ratios |
| `dielectron_mass` | the width of a resonance of two electrons, for several chains |
| `class_table` | a class as a whole, in bins of ET, and the mean over them |
| `report` | `Method` and `EnergyReport`: report.json, plots and one HTML page |
| `verdicts` | bins in which the model loses, limits that it meets |
| `plots`, `selection_plots`, `html`, `html_parts` | how that looks |

NumPy, SciPy and (for fits, jets and plots) iminuit, FastJet and mplhep; no TensorFlow.
"""

from zoo.evaluation.binning import Variable, energy_variables
from zoo.evaluation.bootstrap import ClusterBootstrap
from zoo.evaluation.energy.report import EnergyReport, Method

__all__ = ["ClusterBootstrap", "EnergyReport", "Method", "Variable", "energy_variables"]
