"""The closed form of the energy correction beside boosted trees (extra `physics`)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.clustering.tables import Lines, half_width, table
from zoo.baselines.pf_clustering import load_correction


def correction(_: int) -> Lines:
    """The shipped form of the correction beside LightGBM: same training clusters, same test clusters."""
    import lightgbm

    from training.baselines.pf_clustering import ENERGY_EDGES, CorrectionRecipe, samples

    for detector, edges in (("flat_segment", (1, 5, 20, 50, 100)), ("barrel", ENERGY_EDGES)):
        train, test = samples(CorrectionRecipe(), detector)
        closed = load_correction(detector).apply(test.energy_gev, test.variables)

        def inputs(clusters: Any) -> Any:
            return np.stack([np.log(clusters.energy_gev), *clusters.variables.values()], axis=1)

        y = np.log(train.true_energy_gev / train.energy_gev)
        weight = np.minimum(train.energy_gev, 30.0)  # the relative width falls about so
        fitted = np.random.default_rng(800).random(len(y)) < 0.85
        trees = lightgbm.LGBMRegressor(
            objective="huber",
            alpha=0.01,
            n_estimators=3000,
            learning_rate=0.05,
            num_leaves=31,
            min_child_samples=100,
            n_jobs=1,
            verbose=-1,
        )
        x = inputs(train)
        trees.fit(
            x[fitted],
            y[fitted],
            sample_weight=weight[fitted] / weight.mean(),
            eval_set=[(x[~fitted], y[~fitted])],
            eval_sample_weight=[weight[~fitted] / weight.mean()],
            callbacks=[lightgbm.early_stopping(50, verbose=False)],
        )
        forest = test.energy_gev * np.exp(trees.predict(inputs(test)))
        true, rows = test.true_energy_gev, []
        for low, high in [(edges[0], edges[-1]), *itertools.pairwise(edges)]:
            inside = (true >= low) & (true < high)
            responses = [(energy / true)[inside] for energy in (test.energy_gev, closed, forest)]
            widths = [100 * half_width(values) / np.median(values) for values in responses]
            sigma = [half_width((energy - true)[inside]) for energy in (closed, forest)]
            rows.append(
                (
                    f"{low}-{high}",
                    *(f"{width:.2f}" for width in widths),
                    f"{widths[1] / widths[2]:.3f}",
                    " / ".join(f"{value:.3f}" for value in sigma),
                    f"{np.median(responses[0]):.3f} -> {np.median(responses[1]):.4f}",
                )
            )
        yield (
            f"{detector}: {len(y):,} training and {len(true):,} test clusters of "
            f"{len(np.unique(train.shower)):,} and {len(np.unique(test.shower)):,} showers, "
            f"{trees.best_iteration_:,} trees."
        )
        yield ""
        yield from table(
            (
                "E (GeV)",
                "raw (%)",
                "closed form (%)",
                "trees (%)",
                "ratio",
                "sigma_E closed / trees (GeV)",
                "median response",
            ),
            rows,
        )
        yield ""
