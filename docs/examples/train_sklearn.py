"""Train a scikit-learn model on a project's published training set, on hard, weighted and soft labels.

    python train_sklearn.py sample --features pixels

Needs scikit-learn, pandas, pyarrow and `label_pipeline` (`pip install --no-deps label-pipeline` is enough: the loader
imports nothing else of it). The model is judged on the test split, whose labels are settled truth. The lift is what a
model gains over the one that takes every label at its word, with its 95 % interval over the items both were asked.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from label_pipeline.publish import load_training_set


def model():
    """Any classifier that takes sample weights."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def fit(x, y, weight):
    """The model, fitted."""
    return model().fit(x, y, standardscaler__sample_weight=weight, logisticregression__sample_weight=weight)


def fit_soft(x, probabilities, classes):
    """The model fitted on soft labels: each row once for every class, weighted by how likely the class is."""
    row, k = np.nonzero(probabilities > 1e-3)
    return fit(x[row], classes[k], probabilities[row, k])


def lift(plain, ours):
    """How much more often `ours` is right than `plain`, with its 95 % interval (Agresti and Min 2005, for pairs)."""
    won, lost, n = float((ours & ~plain).sum()), float((plain & ~ours).sum()), len(plain) + 2
    gain = (won - lost) / n
    error = 1.96 * max((won + lost + 1) - (won - lost) ** 2 / n, 0) ** 0.5 / n
    return f"{(won - lost) / len(plain):+.3f} ({gain - error:+.3f} to {gain + error:+.3f})"


def main() -> None:
    """Train three models and print how they fare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project")
    parser.add_argument("--features", required=True, help="the item field that holds a list of numbers")
    parser.add_argument("--version", default="latest")
    asked = parser.parse_args()

    # Refuses a damaged version, and one whose gates or coverage are not what this job needs.
    training = load_training_set(
        asked.project, asked.version, require={"profile.coverage": 0.5, "gates_overridden": "==0"}
    )
    train, test = training.frame("train"), training.frame("test")
    classes = np.array(training.classes)
    x, x_test = (np.stack(frame[asked.features].to_list()).astype(float) for frame in (train, test))
    y, truth = train["label"].to_numpy(str), test["label"].to_numpy(str)

    models = {
        "hard labels": fit(x, y, np.ones(len(y))),
        "weighted labels": fit(x, y, train["sample_weight"].to_numpy()),
        "soft labels": fit_soft(x, np.stack(train["probabilities"].to_list()), classes),
    }
    right = {name: model.predict(x_test) == truth for name, model in models.items()}
    print(f"{asked.project} {training.version}: {len(train)} rows to learn from, {len(test)} to be judged on")
    plain = right["hard labels"]
    for name, hits in right.items():
        gained = f", lift {lift(plain, hits)}" if hits is not plain else ""
        print(f"  {name:<16} accuracy {hits.mean():.3f}{gained}")


if __name__ == "__main__":
    main()
