"""Serve the notebook about a run, at 127.0.0.1 only and behind a token.

    .envs/jupyter/bin/python container_scripts/serve_notebook.py --port 9000 --run cats

    output/notebooks/cats.ipynb     a copy of docs/detect.ipynb for the run cats, made once; edits are saved there

Says the address with its token, and serves until ^C. The token is ODPIPE_TOKEN or JUPYTER_TOKEN of the environment,
else a new one each time. In a container --host is 0.0.0.0, compose publishes the port on the host's 127.0.0.1, and of
the project only output/notebooks can be written. Python 3.7, notebook 6.4.
"""

import argparse
import json
import logging
import os
import re
import secrets
import signal
import sys

from screen import fail, say

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTEBOOK = os.path.join("docs", "detect.ipynb")
COPIES = os.path.join("output", "notebooks")
FROZEN_GRAPH = os.path.join("frozen", "frozen_inference_graph.pb")
TOKENS = ("ODPIPE_TOKEN", "JUPYTER_TOKEN")
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
RUN_LINE = re.compile(r'^RUN = "[^"]*"', re.MULTILINE)
# A link of docs/ as it reads from output/notebooks
LINK = re.compile(r"\]\((?![a-z]+:|#)")
UP = "](../../docs/"


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--shown-port", help="the port that a browser uses, if a container's is published as another")
    parser.add_argument("--run", help="a folder of output/; without it the one that was exported last")
    return parser.parse_args()


def find_newest_run(output):
    """Return the run whose frozen graph is the newest; None when none was exported."""
    graphs = {run: os.path.join(output, run, FROZEN_GRAPH) for run in os.listdir(output)}
    exported = {run: os.path.getmtime(graph) for run, graph in graphs.items() if os.path.isfile(graph)}
    return max(exported, key=lambda run: exported[run]) if exported else None


def check_run(run):
    """End with a sentence when there is nothing that the notebook could load."""
    if run is None:
        fail("no run of output/ is exported yet", hint="make demo, or make export NAME=...", exit_code=4)
    if not RUN_NAME.fullmatch(run) or not os.path.isfile(os.path.join(ROOT, "output", run, FROZEN_GRAPH)):
        fail("output/{} has no frozen graph".format(run), hint="make export NAME={}".format(run), exit_code=4)


def write_copy(run):
    """Write the run's own copy of the notebook, unless there is one; return its path relative to the root."""
    copy = os.path.join(COPIES, run + ".ipynb")
    path = os.path.join(ROOT, copy)
    if os.path.exists(path):
        say("jupyter: {} is as you left it; delete it for a fresh one".format(copy))
        return copy
    with open(os.path.join(ROOT, NOTEBOOK), encoding="utf-8") as file:
        notebook = json.load(file)
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        is_code = cell["cell_type"] == "code"
        text = RUN_LINE.sub('RUN = "{}"'.format(run), text) if is_code else LINK.sub(UP, text)
        cell["source"] = text.splitlines(True)
    part = path + ".part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "w", encoding="utf-8") as file:
            json.dump(notebook, file, ensure_ascii=False, indent=1)
        os.replace(part, path)
    except OSError as error:
        fail("{} cannot be written: {}".format(copy, error.strerror), hint="chown or delete " + COPIES, exit_code=4)
    return copy


def take_token():
    """Return the token that was given, or a new one; what the kernels inherit no longer has it."""
    given = [os.environ.pop(name, "") for name in TOKENS]
    return next(filter(None, given), None) or secrets.token_hex(24)


def make_server(arguments, token):
    """Set up Jupyter; end with a sentence when this environment has none."""
    try:
        from notebook.notebookapp import NotebookApp
    except ImportError as error:
        fail(
            "this environment has no notebook server: {}".format(error),
            hint="run it with the jupyter environment's Python (make notebook does)",
            exit_code=5,
        )

    class Server(NotebookApp):
        """Jupyter without what this machine's user has set for another one: that could do without a token."""

        def load_config_file(self, suppress_errors=True):
            pass

        def init_server_extension_config(self):
            pass

        def init_signal(self):
            NotebookApp.init_signal(self)
            signal.signal(signal.SIGINT, self._signal_stop)  # it would ask whether ^C is meant

    server = Server.instance(
        ip=arguments.host,
        port=arguments.port,
        port_retries=0,
        token=token,
        notebook_dir=ROOT,
        open_browser=False,
        allow_root=True,
        # Of names only this machine's own: a page elsewhere whose name is made to lead here gets nothing
        allow_remote_access=False,
        log_level=logging.WARNING,
    )
    server.initialize([])
    return server


def main():
    """Copy the notebook and serve it until ^C."""
    arguments = parse_arguments()
    run = arguments.run or find_newest_run(os.path.join(ROOT, "output"))
    check_run(run)
    token = take_token()
    server = make_server(arguments, token)
    address = "http://127.0.0.1:{}/notebooks/{}".format(arguments.shown_port or arguments.port, write_copy(run))
    say("jupyter: {}?token={} (^C ends it)".format(address, token))
    server.start()


if __name__ == "__main__":
    sys.exit(main())
