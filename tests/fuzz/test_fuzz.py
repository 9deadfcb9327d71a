"""A few hundred cases for each sample, chosen by hypothesis; `tests/fuzz/long.py` runs millions."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.datasets.formats.registry import FORMATS
from tests.fuzz.cases import opened_samples, run_case


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_whatever_is_changed_is_read_or_refused(format_name: str) -> None:
    with opened_samples(format_name) as samples:
        assert samples, f"no sample of {format_name}"

        @settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
        @given(st.randoms(use_true_random=False))
        def run(chance: random.Random) -> None:
            run_case(chance.choice(samples), chance)

        run()


def test_random_cases_of_all_formats() -> None:
    with opened_samples() as samples:
        outcomes = {run_case(samples[number % len(samples)], random.Random(number)) for number in range(2000)}
    assert outcomes == {"read", "read with losses", "refused"}
