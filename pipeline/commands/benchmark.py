"""Time each form of a model on this machine, each in its own runtime and in a process of its own.

output/NAME/benchmark.json
    {"machine": {"cpu": "AMD EPYC", "cores": 2, ...}, "versions": {"odpipe": "0.1.0", "tflite": "ai-edge-litert 2.3.0"},
     "results": [{"artefact": "tflite", "threads": 1, "images": 50, "ms_median": 4.5, "ms_p95": 4.8,
                  "images_per_s": 220.1, "load_ms": 8.0, "first_ms": 5.1, "size_bytes": 507512, "runtime": "...",
                  "not_run": null}, ...]}

Milliseconds go from the decoded image to the boxes. Files are run as they are shipped; no figure of an evaluation is
used again, since an evaluation runs TFLite with other options.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.backends import Backend, choose_backend
from pipeline.errors import ConfigError, StageError
from pipeline.machine import describe_machine, format_machine
from pipeline.plan import Job, Place, Plan
from pipeline.planner import plan_trained
from pipeline.receipts import read_json, spec_path, write_json
from pipeline.report.benchmark_table import render_benchmark
from pipeline.report.screen import say
from pipeline.runner import run_stage
from pipeline.suggest import did_you_mean
from pipeline.version import VERSION

IMAGES = 50
FILE = "benchmark.json"
NOT_MEASURED = dict.fromkeys(("ms_median", "ms_p95", "images_per_s", "load_ms", "first_ms", "runtime"))


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a model: the stage that times it, that one's image, and its file or folder below output/NAME."""

    stage: str
    image: str
    path: str
    has_threads: bool = True


FORMS = {
    "frozen_graph": Form("benchmark_graph", "odapi", "frozen/frozen_inference_graph.pb"),
    "saved_model": Form("benchmark_graph", "odapi", "frozen/saved_model"),
    "tflite": Form("benchmark_tflite", "pipeline", "tflite/detect.tflite"),
    "tflite_float": Form("benchmark_tflite", "pipeline", "tflite/detect_float.tflite"),
    "edgetpu": Form("benchmark_tflite", "pipeline", "edgetpu/detect_edgetpu.tflite", has_threads=False),
    # The build of TensorFlow.js with threads does not work in Node (tensorflow/tfjs#3830)
    "tfjs": Form("benchmark_tfjs", "tfjs", "tensorflow_js/model.json", has_threads=False),
    "tfjs_fast": Form("benchmark_tfjs", "tfjs", "tensorflow_js/fast/model.json", has_threads=False),
}


def benchmark(
    root: Path, given: Mapping[str, Any], *, artefacts: Sequence[str] = (), threads: str = "1", images: int = IMAGES
) -> dict[str, Any]:
    """Time the artefacts, all that there are unless some are named, with each number of threads; show the table."""
    plan = plan_trained(root, given)
    wanted = choose_forms(root, plan, artefacts)
    counts = parse_threads(threads)
    if images < 1:
        raise ConfigError(f"images is {images}; wanted 1 or more", hint="--images 50 (make: TIMED=50)")
    if not any((root / plan.run.records).glob("test.record-*")):
        raise StageError(
            f"benchmark needs {plan.run.records}/test.record-*", hint=f"make records DATASET=... NAME={plan.run.name}"
        )
    backend = choose_backend(plan.settings.backend, root)
    results = []
    for name in wanted:
        for count in counts if FORMS[name].has_threads else [1]:
            say(f"benchmark  {name}, {count} thread{'s' if count > 1 else ''}")
            answer = run_form(root, plan, backend, name, threads=count, images=images)
            results.append(summarize(name, answer, threads=count) | {"size_bytes": measure_size(root, plan, name)})
    versions = {"odpipe": VERSION, **{one["artefact"]: one["runtime"] for one in results if one["runtime"]}}
    machine = describe_machine()
    found = {"machine": machine, "versions": versions, "results": results}
    write_json(str(root / plan.run.output / FILE), found)
    say(render_benchmark(results))
    say(f"on {format_machine(machine)}")
    say(f"timed: {plan.run.output}/{FILE}; next: make detect NAME={plan.run.name} IMAGES=folder")
    return found


def choose_forms(root: Path, plan: Plan, artefacts: Sequence[str]) -> list[str]:
    """Return the artefacts to time, in the order in which they are made; raise what is wrong with the asked ones."""
    there = [name for name, form in FORMS.items() if (root / plan.run.output / form.path).exists()]
    for name in artefacts:
        if name not in FORMS:
            raise ConfigError(
                f"unknown artefact {name!r}; known: {', '.join(FORMS)}", hint=did_you_mean(name, list(FORMS))
            )
        if name not in there:
            made_by = "edgetpu" if name == "edgetpu" else "export"
            raise StageError(
                f"benchmark needs {plan.run.output}/{FORMS[name].path}", hint=f"make {made_by} NAME={plan.run.name}"
            )
    if not there:
        raise StageError(f"there is no exported model in {plan.run.output}", hint=f"make export NAME={plan.run.name}")
    return [name for name in there if not artefacts or name in artefacts]


def parse_threads(text: str) -> list[int]:
    """Parse "1,2" into numbers, each once and in order."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdigit() and int(word) > 0 for word in words):
        raise ConfigError(f"threads is {text!r}; wanted numbers from 1, with commas between", hint="--threads 1,2")
    return sorted({int(word) for word in words})


def run_form(root: Path, plan: Plan, backend: Backend, name: str, *, threads: int, images: int) -> dict[str, Any]:
    """Run the job that times one artefact; return what it measured."""
    form = FORMS[name]
    result = f"{plan.run.jobs}/benchmark/{name}.json"
    job = make_job(plan, name, result=result, threads=threads, images=images)
    spec = job.to_spec(stage=form.stage, image=form.image, run=plan.run.name)
    path = Path(spec_path(str(root), plan.run.name, form.stage))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(str(path), spec)
    run_stage(backend, spec)
    answer: dict[str, Any] = read_json(str(root / result))
    return answer


def make_job(plan: Plan, name: str, *, result: str, threads: int, images: int) -> Job:
    """Return the job that times an artefact: it runs each time that it is asked for."""
    form = FORMS[name]
    inputs = {
        "model": Place(f"{plan.run.output}/{form.path}"),
        "records": Place(plan.run.records, ("test.record-*",)),
    }
    flags = ["--records-dir", "{records}", "--images", str(images), "--result", "{result}"]
    if form.image == "tfjs":
        inputs["tfjs"] = Place(plan.run.tfjs)
    else:
        flags += ["--threads", str(threads)]
    return Job(
        command=(*command(name), *flags),
        inputs=inputs,
        outputs={"result": Place(result)},
        always=True,
    )


def command(name: str) -> tuple[str, ...]:
    """Return the script that times an artefact, and which file it is."""
    match FORMS[name].stage:
        case "benchmark_graph":
            return ("container_scripts/benchmark_graph.py", "--artefact", name, "--path", "{model}")
        case "benchmark_tfjs":
            return ("container_scripts/benchmark_tfjs.mjs", "--artefact", name, "--tfjs-dir", "{tfjs}")
        case _:
            coral = ("--coral",) if name == "edgetpu" else ()
            return ("-m", "pipeline.jobs.benchmark_tflite", "--model", "{model}", *coral)


def summarize(name: str, answer: Mapping[str, Any], *, threads: int) -> dict[str, Any]:
    """Turn the times of an artefact into an entry of benchmark.json."""
    entry: dict[str, Any] = {"artefact": name, "threads": threads, "images": len(answer.get("ms", []))}
    if answer.get("not_run"):
        return entry | NOT_MEASURED | {"not_run": answer["not_run"]}
    times = sorted(answer["ms"])
    return entry | {
        "ms_median": statistics.median(times),
        "ms_p95": statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0],
        "images_per_s": 1000 / statistics.mean(times),
        "load_ms": answer["load_ms"],
        "first_ms": answer["first_ms"],
        "runtime": answer["runtime"],
        "not_run": None,
    }


def measure_size(root: Path, plan: Plan, name: str) -> int:
    """Add up the bytes of an artefact's files: a model.json has its weights beside it."""
    path = root / plan.run.output / FORMS[name].path
    return sum(file.stat().st_size for file in artefact_files(path))


def artefact_files(path: Path) -> Iterator[Path]:
    """Yield the files that belong to an artefact."""
    if path.name == "model.json":
        yield from (file for file in path.parent.iterdir() if file.suffix in (".bin", ".json") and file.is_file())
    elif path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    else:
        yield path
