"""Real annotations replayed: labels are hidden, and the queue buys them back; `benchmarks.loop` has more of it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop import FREE, LOWEST, QUEUE, RANDOM, courses, replayed, simulated


@pytest.mark.parametrize("name", ["rte", "weather_amt"])
def test_the_queue_buys_more_accuracy_than_chance(datasets: Path, name: str) -> None:
    """Guards against a budget spent on items that another label does not help."""
    by_seed = [courses(replayed(name, seed, datasets), (FREE, RANDOM)) for seed in (1,)]
    gain = np.mean([course[FREE][1:] - course[RANDOM][1:] for course in by_seed])
    assert gain > 0.01


@pytest.mark.slow
def test_the_queue_and_its_people_beat_lowest_agreement_where_a_third_spams() -> None:
    """Guards against an order that sends disputes back to those who cause them."""
    by_seed = [courses(simulated("digits", "spammers", seed, Path()), (QUEUE, RANDOM, LOWEST)) for seed in (0, 1)]
    for other in (RANDOM, LOWEST):
        assert np.mean([course[QUEUE][1:] - course[other][1:] for course in by_seed]) > 0.005
