"""Speed and memory of the kernels, beside the libraries they replace: `python -m benchmarks.kernels`.

Ratios are of CPU seconds, both sides measured in one process in turns, so that a busy machine slows both. Large
inputs are measured each in a process of its own, whose peak memory is then the kernel's; another process makes and
saves them first. `--quick` runs everything on small inputs, to see that it works; its figures meet no target.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.synthetic import synthetic
from label_pipeline.agreement.alpha import alpha
from label_pipeline.consensus.activelab import ActiveLab
from label_pipeline.consensus.crowdlab import CROWDLAB
from label_pipeline.consensus.dawid_skene import DawidSkene
from label_pipeline.votes import Votes

Figures = dict[str, float]
SPARSE = ("offsets", "annotator", "label")
missed: list[str] = []


KERNELS: dict[str, Callable[[Votes, Any], Any]] = {
    "CROWDLAB": lambda votes, model: CROWDLAB().fit(votes, probabilities=model),
    "ActiveLab": lambda votes, model: ActiveLab().fit(votes, probabilities=model),
    "Dawid–Skene, 3 iterations": lambda votes, model: DawidSkene(max_iter=3, tol=0.0).fit(votes),
    "alpha, no interval": lambda votes, model: alpha(votes, replicates=0),
}


# -- beside the references, in one process ---------------------------------------------------------------------------


def beside_cleanlab(quick: bool) -> None:
    """CROWDLAB on prepared votes, and by the public call from pandas, beside cleanlab on its prepared matrix."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    from label_pipeline.consensus import consensus

    made = synthetic(n_items=5_000 if quick else 100_000)
    votes, model, frame = made.votes, made.probabilities(), made.frame()
    named = pd.DataFrame(model, index=np.unique(frame["item_id"]), columns=list(votes.classes))
    wide = dense(votes)

    def ours() -> None:
        # cleanlab computes worst classes in any case, ours when asked for.
        assert len(CROWDLAB().fit(votes, probabilities=model).worst_class_) == votes.n_annotators

    seconds = in_turns(
        ours=(ours, 9),
        public=(lambda: consensus(frame, method="crowdlab", probabilities=named), 5),
        cleanlab=(lambda: get_label_quality_multiannotator(wide, model, verbose=False), 1),
    )
    ratio(f"CROWDLAB, {size(votes)}, prepared votes", seconds["ours"], "cleanlab", seconds["cleanlab"], 200)
    ratio("CROWDLAB, consensus(frame, ...)", seconds["public"], "cleanlab", seconds["cleanlab"], 60)


def beside_crowdkit(quick: bool) -> None:
    """Maximum-likelihood Dawid–Skene beside crowd-kit at equal iterations."""
    cases = [(5_000, 100, 5, 1, 0)] if quick else [(100_000, 100, 10, 3, 12), (1_000_000, 1_000, 3, 2, 20)]
    for n_items, n_annotators, iterations, rounds, target in cases:
        votes = synthetic(n_items=n_items, n_annotators=n_annotators).votes
        seconds, apart = dawid_skene_in_turns(votes, iterations, rounds)
        what = f"Dawid–Skene, {size(votes)}, {iterations} iterations, probabilities within {apart:.0e}"
        ratio(what, seconds["ours"], "crowd-kit", seconds["crowdkit"], target)


def dawid_skene_in_turns(votes: Votes, iterations: int, rounds: int) -> tuple[Figures, float]:
    """CPU seconds of both sides, and how far apart their probabilities are."""
    from crowdkit.aggregation import DawidSkene as Theirs

    frame = pd.DataFrame({"task": votes.item, "worker": votes.annotator, "label": votes.label})
    mine = DawidSkene(prior="none", max_iter=iterations, tol=0.0)
    theirs = Theirs(n_iter=iterations, tol=-np.inf)
    seconds = in_turns(rounds, ours=(lambda: mine.fit(votes), 3), crowdkit=(lambda: theirs.fit(frame.copy()), 1))
    assert mine.diagnostics_["iterations"] == len(theirs.loss_history_) == iterations
    assert theirs.probas_ is not None
    probabilities = theirs.probas_.sort_index().sort_index(axis=1).to_numpy()
    return seconds, float(np.abs(mine.probabilities_ - probabilities).max())


def beside_cleanlab_active(quick: bool) -> None:
    """ActiveLab beside cleanlab."""
    from cleanlab.multiannotator import get_active_learning_scores

    made = synthetic(n_items=5_000 if quick else 100_000)
    votes, model = made.votes, made.probabilities()
    wide = dense(votes)
    seconds = in_turns(
        2,
        ours=(lambda: ActiveLab().fit(votes, probabilities=model), 5),
        cleanlab=(lambda: get_active_learning_scores(wide, model), 1),
    )
    ratio(f"ActiveLab, {size(votes)}", seconds["ours"], "cleanlab", seconds["cleanlab"], 100)


def beside_krippendorff(quick: bool) -> None:
    """Krippendorff's alpha beside `krippendorff`, no interval on either side."""
    import krippendorff

    votes = synthetic(n_items=5_000 if quick else 100_000).votes
    wide = np.ascontiguousarray(dense(votes).T)
    values: dict[str, Any] = {}
    seconds = in_turns(
        ours=(lambda: values.update(ours=alpha(votes, replicates=0).value), 5),
        theirs=(lambda: values.update(theirs=krippendorff.alpha(wide, level_of_measurement="nominal")), 1),
    )
    what = f"alpha, {size(votes)}, values within {abs(values['ours'] - values['theirs']):.0e}"
    ratio(what, seconds["ours"], "krippendorff", seconds["theirs"], 18)


# -- alone, in processes of their own --------------------------------------------------------------------------------


def ten_million(quick: bool) -> None:
    """10.4 million annotations: CPU seconds and peak memory."""
    with prepared(20_000 if quick else 3_500_000) as inputs:
        found = measured("crowdlab", inputs)
        print(f"  {found['n']:,.0f} annotations; one pass over CROWDLAB's inputs {found['stream']:.3f} s")
        times = found["cpu"] / (3 * found["stream"])
        # A first fit also pays for memory the system has not handed out yet; the passes are over memory in use.
        what = f"CROWDLAB {found['cpu']:.2f} CPU s (the first fit {found['first']:.2f}), against three such passes"
        bound(what, times, 8, "times")
        bound("CROWDLAB, peak memory", found["peak"], 1.5, "GB")
        found = measured("dawid_skene", inputs)
        bound("Dawid–Skene, 10 iterations", found["cpu"], 10, "CPU s")
        bound("Dawid–Skene, peak memory", found["peak"], 2, "GB")
        found = measured("alpha", inputs)
        bound(f"alpha, 1,000 bootstrap replicates ({found['peak']:.2f} GB)", found["cpu"], 4, "CPU s")


def hundred_million(quick: bool) -> None:
    """100 million annotations: that they finish, and within which memory."""
    with prepared(50_000 if quick else 33_600_000) as inputs:
        for name in ("crowdlab", "dawid_skene", "alpha"):
            found = measured(name, inputs)
            what = f"{name}, {found['n']:,.0f} annotations, {found['cpu']:.1f} CPU s, peak memory"
            bound(what, found["peak"], 20, "GB")


def slope(quick: bool) -> None:
    """How CPU seconds grow with annotations, and with annotators where annotations stay as they are."""
    steps = [2_000, 4_000, 8_000] if quick else [100_000, 300_000, 1_000_000]
    growing = [synthetic(n_items=n, n_annotators=1_000) for n in steps]
    crowded = [synthetic(n_items=steps[1], n_annotators=m) for m in (100, 1_000, 10_000)]
    for what, inputs, amounts in (
        ("annotations", growing, [made.votes.n for made in growing]),
        ("annotators", crowded, [made.votes.n_annotators for made in crowded]),
    ):
        print(f"  by {what}: " + ", ".join(f"{amount:,}" for amount in amounts))
        seconds: dict[str, list[float]] = {name: [] for name in KERNELS}
        for made in inputs:
            model = made.probabilities()
            for name, kernel in KERNELS.items():
                run = functools.partial(kernel, made.votes, model)
                seconds[name].append(min(cpu_seconds(run) for _ in range(5)))
        for name, found in seconds.items():
            exponent = np.polyfit(np.log(amounts), np.log(found), 1)[0]
            figures = ", ".join(f"{s:.4f}" for s in found)
            print(f"    {name}: {figures} CPU s; {what} to the power {exponent:.2f}")


def first_calls(quick: bool) -> None:
    """What a first call costs: compiling once, and in later processes reading the compiled code."""
    with tempfile.TemporaryDirectory() as cache:
        ever, later = (measured("first_call", None, {"NUMBA_CACHE_DIR": cache}) for _ in range(2))
    for name, seconds in ever.items():
        print(f"  {name}: first call ever {seconds:.2f} CPU s, first in a later process {later[name]:.2f} CPU s")


SECTIONS: dict[str, Callable[[bool], None]] = {
    "compile": first_calls,
    "crowdlab": beside_cleanlab,
    "dawid_skene": beside_crowdkit,
    "activelab": beside_cleanlab_active,
    "alpha": beside_krippendorff,
    "ten_million": ten_million,
    "slope": slope,
    "hundred_million": hundred_million,
}


# -- what the processes of their own do ------------------------------------------------------------------------------


def save_inputs(inputs: Path, n_items: int) -> Figures:
    made = synthetic(n_items=n_items, n_annotators=1_000, per_item=2.99)
    for name in SPARSE:
        np.save(inputs / f"{name}.npy", getattr(made.votes, name))
    np.save(inputs / "model.npy", made.probabilities())
    return {"n": made.votes.n}


def load_votes(inputs: Path) -> Votes:
    offsets, annotator, label = (np.load(inputs / f"{name}.npy") for name in SPARSE)
    items, classes = np.arange(len(offsets) - 1), tuple(f"class-{k:03d}" for k in range(10))
    return Votes(items, np.arange(1_000), classes, offsets, annotator, label)


def measure_crowdlab(inputs: Path, _: int) -> Figures:
    votes, model = load_votes(inputs), np.load(inputs / "model.npy")
    warm(lambda votes, model: CROWDLAB().fit(votes, probabilities=model))
    arrays = (votes.offsets, votes.annotator, votes.label, model)
    stream, cpu = [], []
    for _round in range(3 if votes.n > 20_000_000 else 7):
        stream.append(cpu_seconds(lambda: [array.sum() for array in arrays]))
        cpu.append(cpu_seconds(lambda: CROWDLAB().fit(votes, probabilities=model)))
    return {"stream": min(stream), "cpu": min(cpu), "first": cpu[0], "peak": peak(), "n": votes.n}


def measure_dawid_skene(inputs: Path, _: int) -> Figures:
    votes = load_votes(inputs)
    warm(lambda votes, model: DawidSkene(max_iter=2).fit(votes))
    cpu = cpu_seconds(lambda: DawidSkene(max_iter=10, tol=0.0).fit(votes))
    return {"cpu": cpu, "peak": peak(), "n": votes.n}


def measure_alpha(inputs: Path, _: int) -> Figures:
    votes = load_votes(inputs)
    warm(lambda votes, model: alpha(votes, replicates=10))
    return {"cpu": cpu_seconds(lambda: alpha(votes, replicates=1_000)), "peak": peak(), "n": votes.n}


def measure_first_call(_: Path, __: int) -> Figures:
    import numba  # noqa: F401 - importing it is not what is counted

    made = synthetic(n_items=50, n_annotators=5)
    votes, model = made.votes, made.probabilities()
    return {name: cpu_seconds(functools.partial(kernel, votes, model)) for name, kernel in KERNELS.items()}


MEASURES: dict[str, Callable[[Path, int], Figures]] = {
    "save_inputs": save_inputs,
    "crowdlab": measure_crowdlab,
    "dawid_skene": measure_dawid_skene,
    "alpha": measure_alpha,
    "first_call": measure_first_call,
}


@contextlib.contextmanager
def prepared(n_items: int) -> Iterator[Path]:
    """A folder with the arrays of synthetic votes of `n_items` items by 1,000 annotators, and a model's."""
    with tempfile.TemporaryDirectory() as folder:
        measured("save_inputs", Path(folder), items=n_items)
        yield Path(folder)


def measured(name: str, inputs: Path | None, environment: dict[str, str] | None = None, items: int = 0) -> Figures:
    """What the measure `name` returns from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.kernels", "--measure", name, "--items", str(items)]
    command += ["--inputs", str(inputs)] if inputs else []
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | (environment or {}),
        cwd=Path(__file__).resolve().parents[1],
    )
    found: Figures = json.loads(done.stdout)
    return found


# -- measuring and printing ------------------------------------------------------------------------------------------


def in_turns(rounds: int = 3, **sides: tuple[Callable[[], Any], int]) -> Figures:
    """Median CPU seconds of each side's (call, times a round); every side has run once, compiled, before."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    first, _ = next(iter(sides.values()))
    cpu_seconds(first)
    for _round in range(rounds):
        for name, (call, times) in sides.items():
            seconds[name] += [cpu_seconds(call) for _ in range(times)]
    return {name: statistics.median(found) for name, found in seconds.items()}


def cpu_seconds(call: Callable[[], Any]) -> float:
    """CPU seconds of all threads of this process while `call` runs; what it prints is swallowed."""
    gc.collect()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        call()
        return time.process_time() - start


def warm(call: Callable[[Votes, Any], Any]) -> None:
    """Compile, or read compiled code, on a small input of the same array types."""
    made = synthetic(n_items=50, n_annotators=5)
    call(made.votes, made.probabilities())


def peak() -> float:
    """The most memory this process has held, in GB."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says of a child starts at the size of the process that started it.
        held = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(held.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def dense(votes: Votes) -> Any:
    """The matrix (n_items, n_annotators) with NaN that the references need."""
    wide = np.full((votes.n_items, votes.n_annotators), np.nan)
    wide[votes.item, votes.annotator] = votes.label
    return wide


def size(votes: Votes) -> str:
    return f"{votes.n_items:,} × {votes.n_annotators:,} × {votes.n_classes} ({votes.n:,})"


def ratio(what: str, ours: float, other: str, theirs: float, target: float) -> None:
    """Print how many times faster ours is, and note a missed target."""
    verdict(theirs / ours >= target, what)
    print(f"  {what}: ours {ours:.4f} s, {other} {theirs:.3f} s: {theirs / ours:.0f} times (at least {target})")


def bound(what: str, figure: float, most: float, unit: str) -> None:
    """Print a figure and its upper bound, and note a missed one."""
    verdict(figure <= most, what)
    print(f"  {what}: {figure:.2f} {unit} (at most {most})")


def verdict(met: bool, what: str) -> None:
    if not met:
        missed.append(what)


def main() -> int:
    """Run the sections asked for; exit status 1 where a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS) + " (default: all)")
    parser.add_argument("--quick", action="store_true", help="small inputs, no targets")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--inputs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--items", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(MEASURES[asked.measure](asked.inputs, asked.items)))
        return 0
    if unknown := set(asked.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; known: {', '.join(SECTIONS)}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; CPU seconds, medians of interleaved runs")
    for name in asked.sections or SECTIONS:
        print(f"\n{name}", flush=True)
        SECTIONS[name](asked.quick)
    if missed and not asked.quick:
        print("\nmissed: " + "; ".join(missed))
    return int(bool(missed) and not asked.quick)


if __name__ == "__main__":
    raise SystemExit(main())
