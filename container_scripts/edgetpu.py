"""Compile a TFLite model for the Edge TPU with Google's edgetpu_compiler.

    python container_scripts/edgetpu.py --tflite-dir output/cats/tflite \\
        --compiled output/cats/edgetpu/detect_edgetpu.tflite --log output/cats/edgetpu/detect_edgetpu.log

The log is what the compiler shows: its version, the memory that the parameters take, a row for each operator and
what became of it. The compiler is no free software and exists for x86-64 Linux only, so nothing else depends on it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from screen import fail, say

COMPILER = "edgetpu_compiler"
HOW_TO_INSTALL = (
    "https://coral.ai/docs/edgetpu/compiler (Debian or Ubuntu on x86-64), or in a container: docker compose up edgetpu"
)


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tflite-dir", required=True, help="folder with detect.tflite")
    parser.add_argument("--compiled", required=True, help="file to write")
    parser.add_argument("--log", required=True, help="file to write")
    return parser.parse_args()


def compile_model(model, folder):
    """Run the compiler; return what it shows and the path of what it made, which lies in `folder`."""
    command = [COMPILER, "-s", "-o", folder, model]
    print("$ " + " ".join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    shown = done.stdout.decode("utf-8", "replace")
    sys.stdout.write(shown)
    sys.stdout.flush()
    name = os.path.splitext(os.path.basename(model))[0] + "_edgetpu.tflite"
    made = os.path.join(folder, name)
    # Some versions end with 0 after "Compilation failed!": the file is what counts
    if done.returncode != 0 or not os.path.isfile(made):
        errors = [line for line in shown.splitlines() if "ERROR" in line or "failed" in line or "error" in line]
        fail(
            "{} does not compile {}: {}".format(COMPILER, model, errors[0] if errors else "exit %d" % done.returncode),
            hint="what is in the way, and what to do: odpipe preflight " + model,
            exit_code=4,
        )
    return shown, made


def main():
    """Compile; leave the compiled model and the log."""
    arguments = parse_arguments()
    model = os.path.join(arguments.tflite_dir, "detect.tflite")
    if not os.path.isfile(model):
        fail("stage edgetpu needs {}".format(model), hint="make tflite NAME=...", exit_code=4)
    if shutil.which(COMPILER) is None:
        fail("{} is not on PATH".format(COMPILER), hint=HOW_TO_INSTALL, exit_code=4)
    for path in (arguments.compiled, arguments.log):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shown, made = compile_model(model, folder)
        with open(arguments.log, "w", encoding="utf-8") as file:
            file.write(shown)
        shutil.copyfile(made, arguments.compiled)
    say("detect_edgetpu.tflite: {:.1f} MB".format(os.path.getsize(arguments.compiled) / 1e6))


if __name__ == "__main__":
    main()
