"""How much memory a training takes, and which batch would fit when it took too much.

    watch = MemoryWatch("output/cats/train/memory.json", batch=16)
    with watch:                     # fails with advice where TensorFlow or Python run out of memory
        ...                         # steps
        watch.peak_bytes()          # for the screen
    advise(read_memory("output/cats/train/memory.json"))

memory.json, kept up to date while steps run:  {"batch": 16, "before_bytes": 1, "peak_bytes": 2, "limit_bytes": 3}

A process that the kernel kills for its memory says nothing more; run_job.py finds the figures in that file.
Standard library only, and Python 3.6, because run_job.py reads it in every image.
"""

import json
import os
import re
import threading

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
LOOK_EVERY_S = 0.5
WORTH_WRITING = 1.02
# Of the limit: the peak of later steps is a little higher, and other processes want some
USABLE = 0.9
GIB = 1024.0**3
WIDTHS = {"half": 2, "bfloat16": 2, "double": 8, "int64": 8, "uint8": 1, "int8": 1, "bool": 1}  # others have 4 bytes


class MemoryWatch:
    """Notes this process's memory before the first step and its peak since, twice a second."""

    def __init__(self, path, batch):
        self._path = path
        self._batch = batch
        self._before = self._written = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._before = read_process_memory("VmRSS")
        self._thread.start()
        return self

    def __exit__(self, kind, error, _):
        self._end.set()
        self._thread.join()
        if kind is not None and is_out_of_memory(error):
            # What could not be had would have come on top
            self._note(self.peak_bytes() + find_wanted_bytes(str(error)))
            _fail_with_advice(error, self.figures())

    def peak_bytes(self):
        """Give the most memory that this process has had, in bytes."""
        return read_process_memory("VmHWM")

    def figures(self):
        """Give what advise() needs."""
        return {
            "batch": self._batch,
            "before_bytes": self._before,
            "peak_bytes": max(self.peak_bytes(), self._written),
            "limit_bytes": read_limit(),
        }

    def _look(self):
        while not self._end.wait(LOOK_EVERY_S):
            peak = self.peak_bytes()
            if peak > self._written * WORTH_WRITING:
                self._note(peak)

    def _note(self, peak):
        self._written = peak
        with open(self._path + ".part", "w") as file:
            json.dump(self.figures(), file)
        os.replace(self._path + ".part", self._path)


def is_out_of_memory(error):
    """Tell whether an error is TensorFlow's or Python's for memory that cannot be had."""
    if isinstance(error, MemoryError):
        return True
    return type(error).__name__ == "ResourceExhaustedError" or "std::bad_alloc" in str(error)


def find_wanted_bytes(message):
    """Find in TensorFlow's words how many bytes the tensor has that it found no room for; 0 when they do not say."""
    found = re.search(r"shape\[([0-9,]*)\] and type (\w+)", message)
    if not found:
        return 0
    count = WIDTHS.get(found.group(2), 4)
    for side in found.group(1).split(","):
        count *= int(side or 1)
    return count


def _fail_with_advice(error, figures):
    from screen import fail

    where = "GPU" if "GPU" in str(error).upper().split("[[")[0] else "machine"
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    fail(
        "out of memory on the {} with {} images a step: {}".format(where, figures["batch"], said[:160]),
        hint=advise(figures, failed=True, on_gpu=where == "GPU"),
        exit_code=4,
    )


def advise(figures, failed=True, on_gpu=False):
    """Say which batch would fit, from the peak that was measured at the batch that did not.

    What a step takes is modelled as a part that is always there, and one for each image. failed: the peak was
    cut off, so at most half of the batch is advised.
    """
    batch = figures["batch"]
    if batch < 2:
        return "one image a step is too much: a smaller MODEL=, or a machine with more memory"
    if on_gpu:
        return "BATCH={} would need half of it; DEVICE=cpu has the machine's memory".format(batch // 2)
    image = max(figures["peak_bytes"] - figures["before_bytes"], 1) / batch
    fitting = int((USABLE * figures["limit_bytes"] - figures["before_bytes"]) / image)
    fitting = max(min(fitting, batch // 2 if failed else fitting), 1)
    return "BATCH={}: {} images want {}, {} of it before the first step, and {} can be had".format(
        fitting,
        batch,
        format_bytes(figures["peak_bytes"]),
        format_bytes(figures["before_bytes"]),
        format_bytes(figures["limit_bytes"]),
    )


def fitting_batch(batch, image_bytes, before_bytes, limit_bytes):
    """Give the images a step that memory holds, at most `batch` and at least one.

    image_bytes: what each adds; before_bytes: what is taken without any; limit_bytes: what can be had in all.
    """
    return max(min(batch, int((USABLE * limit_bytes - before_bytes) / max(image_bytes, 1))), 1)


def read_memory(path):
    """Read a memory.json; None when there is none, or not a whole one."""
    try:
        with open(path) as file:
            figures = json.load(file)
    except (OSError, ValueError):
        return None
    wanted = ("batch", "before_bytes", "peak_bytes", "limit_bytes")
    return figures if isinstance(figures, dict) and all(isinstance(figures.get(key), int) for key in wanted) else None


def read_process_memory(key):
    """Read VmRSS (now) or VmHWM (peak) of this process, in bytes; 0 where Linux's /proc is missing."""
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def read_limit(paths=LIMITS):
    """Read how much memory this process can have: its container's limit, else the machine's, in bytes."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in paths:
        try:
            with open(path) as file:
                limits.append(int(file.read()))
        except (OSError, ValueError):  # no limit is the word "max", or a number beyond any machine
            continue
    return min(limits)


def read_available():
    """Read how much memory this process could have in all now: what it has, and what others leave of its limit."""
    available = [read_limit()]
    try:
        with open("/proc/meminfo") as file:
            words = dict(line.split(":", 1) for line in file)
        available.append(int(words["MemAvailable"].split()[0]) * 1024 + read_process_memory("VmRSS"))
    except (OSError, KeyError, ValueError):
        pass
    return min(available)


def format_bytes(count):
    """Format bytes as people say them: 1.9 GB, 340 MB."""
    return "{:.1f} GB".format(count / GIB) if count >= 0.95 * GIB else "{:.0f} MB".format(count / 1024.0**2)
