"""Train a PyTorch model on a project's published training set, on hard labels and on soft, weighted ones.

    python train_pytorch.py sample --features pixels

Needs torch, pandas, pyarrow and `label_pipeline` (`pip install --no-deps label-pipeline` is enough). The loss of a row
is the cross entropy to its class probabilities times its sample weight. The model is judged on the test split, whose
labels are settled truth; the lift is what soft labels gain over hard ones, with its 95 % interval.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot
from torch.utils.data import DataLoader, TensorDataset

from label_pipeline.publish import load_training_set


def tensors(frame, features, classes):
    """Features, class of the label, class probabilities and weight of each row."""
    x = torch.tensor(np.stack(frame[features].to_list()), dtype=torch.float32)
    y = torch.tensor([classes.index(label) for label in frame["label"]])
    soft = torch.tensor(np.stack(frame["probabilities"].to_list()), dtype=torch.float32)
    return x, y, soft, torch.tensor(frame["sample_weight"].to_numpy(), dtype=torch.float32)


def train(x, target, weight, *, epochs=60):
    """A small network, trained on soft targets (n, classes) with a weight for each row."""
    torch.manual_seed(0)
    mean, spread = x.mean(dim=0), x.std(dim=0) + 1e-6
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, target.shape[1])
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    rows = DataLoader(TensorDataset((x - mean) / spread, target, weight), batch_size=64, shuffle=True)
    for _ in range(epochs):
        for features, wanted, weighs in rows:
            loss = (cross_entropy(network(features), wanted, reduction="none") * weighs).sum() / weighs.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    return lambda new: network((new - mean) / spread).argmax(dim=1)


def lift(plain, ours):
    """How much more often `ours` is right than `plain`, with its 95 % interval (Agresti and Min 2005, for pairs)."""
    won, lost, n = float((ours & ~plain).sum()), float((plain & ~ours).sum()), len(plain) + 2
    gain = (won - lost) / n
    error = 1.96 * max((won + lost + 1) - (won - lost) ** 2 / n, 0) ** 0.5 / n
    return f"{(won - lost) / len(plain):+.3f} ({gain - error:+.3f} to {gain + error:+.3f})"


def main() -> None:
    """Train two models and print how they fare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project")
    parser.add_argument("--features", required=True, help="the item field that holds a list of numbers")
    parser.add_argument("--version", default="latest")
    asked = parser.parse_args()

    # Refuses a damaged version, and one whose gates or coverage are not what this job needs.
    training = load_training_set(
        asked.project, asked.version, require={"profile.coverage": 0.5, "gates_overridden": "==0"}
    )
    x, y, soft, weight = tensors(training.frame("train"), asked.features, training.classes)
    x_test, truth, _, _ = tensors(training.frame("test"), asked.features, training.classes)

    hard = train(x, one_hot(y, len(training.classes)).float(), torch.ones(len(y)))
    ours = train(x, soft, weight)
    with torch.no_grad():
        plain, gained = (model(x_test) == truth for model in (hard, ours))
    print(f"{asked.project} {training.version}: {len(y)} rows to learn from, {len(truth)} to be judged on")
    print(f"  hard labels           accuracy {plain.float().mean():.3f}")
    print(f"  soft, weighted labels accuracy {gained.float().mean():.3f}, lift {lift(plain, gained)}")


if __name__ == "__main__":
    main()
