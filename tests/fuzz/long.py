"""Fuzz the readers for as long as wanted.

    nice -n 19 python -m tests.fuzz.long --cases 1000000
    python -m tests.fuzz.long --case voc_vott:17-4711      one case again, with its traceback

Every core runs cases of its own. What is found is printed once for each place in the code, with the case that makes it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.fuzz.cases import Sample, opened_samples, run_case

BATCH = 500
TIMEOUT_S = 20


def main() -> None:
    """Parse flags, run, print what was found; exit with 1 where anything was."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.long", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--format", help="only samples of this format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--case", help="SAMPLE:SEED-NUMBER, one case to run again")
    flags = parser.parse_args()
    if flags.case:
        name, _, case = flags.case.partition(":")
        with opened_samples() as samples:
            print(run_case(next(sample for sample in samples if sample.name == name), random.Random(case)))
        return
    batches = [
        (flags.format, flags.seed, start, min(start + BATCH, flags.cases)) for start in range(0, flags.cases, BATCH)
    ]
    began, done = time.monotonic(), 0
    outcomes: Counter[str] = Counter()
    found: dict[str, str] = {}
    with multiprocessing.get_context("fork").Pool(flags.workers) as pool:
        for counts, crashes in pool.imap_unordered(run_batch, batches):
            outcomes.update(counts)
            done += sum(counts.values())
            for place, report in crashes.items():
                if place not in found:
                    found[place] = report
                    print(report, flush=True)
            if done % (BATCH * 40) == 0:
                print(f"{done} cases, {done / (time.monotonic() - began):.0f}/s, {dict(outcomes)}", flush=True)
    print(f"{done} cases in {time.monotonic() - began:.0f} s: {dict(outcomes)}; found {len(found)}")
    sys.exit(bool(found))


def run_batch(batch: tuple[str | None, int, int, int]) -> tuple[Counter[str], dict[str, str]]:
    """Run the cases of a batch; return how they ended, and a report of each new kind of crash."""
    format_name, seed, start, end = batch
    outcomes: Counter[str] = Counter()
    crashes: dict[str, str] = {}
    signal.signal(signal.SIGALRM, stop_hanging)
    with opened_samples(format_name) as samples:
        for number in range(start, end):
            sample = samples[number % len(samples)]
            outcomes[run_one(sample, f"{seed}-{number}", crashes)] += 1
    return outcomes, crashes


def run_one(sample: Sample, case: str, crashes: dict[str, str]) -> str:
    """Run one case; a crash goes to `crashes` by where it happened."""
    signal.alarm(TIMEOUT_S)
    try:
        return run_case(sample, random.Random(case))
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/pipeline/" in frame.filename] or frames
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {type(error).__name__}"
        if isinstance(error, AssertionError):
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} AssertionError"
        crashes.setdefault(place, f"case {sample.name}:{case}: {place}: {str(error)[:300]}")
        return "crashed"
    finally:
        signal.alarm(0)


def stop_hanging(*_: object) -> None:
    """End a case that takes too long."""
    raise TimeoutError(f"not done after {TIMEOUT_S} s")


if __name__ == "__main__":
    main()
