"""Show the models of output/ on a page in the browser, at 127.0.0.1 only.

    .envs/tfjs/bin/python container_scripts/web.py --port 8080

Serves web/ (the page), TensorFlow.js from the environment's own node_modules, and the TensorFlow.js models below
output/; reads all of them, writes nothing, and needs no network. In a container --host is 0.0.0.0 and compose publishes
the port on the host's 127.0.0.1. ^C ends it.
"""

import argparse
import errno
import os
import sys

from screen import fail, say
from web_server.handler import Server
from web_server.site import TFJS_FILES, Site

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=int, default=8080, help="0: one that is free")
    parser.add_argument("--shown-port", help="the port that a browser uses, if a container's is published as another")
    parser.add_argument("--page-dir", default=os.path.join(ROOT, "web"))
    parser.add_argument("--output-dir", default=os.path.join(ROOT, "output"))
    parser.add_argument("--packages-dir", default=find_packages(), help="the node_modules with TensorFlow.js")
    return parser.parse_args()


def find_packages():
    """Return the environment's node_modules: it lies beside the environment's bin/."""
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(sys.executable))), "node_modules")


def check_packages(folder):
    """End with a sentence when TensorFlow.js is not in this environment."""
    for name in ("tf-core.js", "tf-converter.js", "tf-backend-wasm.js"):
        path = os.path.join(folder, *TFJS_FILES[name].split("/"))
        if not os.path.isfile(path):
            fail(
                "TensorFlow.js is not there: {} does not exist".format(path),
                hint="run it with the tfjs environment's Python (make web does), or name --packages-dir",
                exit_code=5,
            )


def make_server(arguments):
    """Take the port; end with a sentence when another program has it."""
    site = Site(arguments.page_dir, arguments.packages_dir, arguments.output_dir)
    try:
        return Server((arguments.host, arguments.port), site)
    except OSError as error:
        where = "{}:{}".format(arguments.host, arguments.port)
        if error.errno == errno.EADDRINUSE:
            fail(
                "{} is in use by another program".format(where),
                hint="make web PORT={}".format(arguments.port + 1),
                exit_code=2,
            )
        return fail("the server cannot listen at {}: {}".format(where, error.strerror), exit_code=2)
    except OverflowError:
        return fail("PORT is {}; wanted 1 to 65535".format(arguments.port), hint="make web PORT=8080", exit_code=2)


def main():
    """Serve until ^C."""
    arguments = parse_arguments()
    check_packages(arguments.packages_dir)
    with make_server(arguments) as server:
        port = arguments.shown_port or server.server_address[1]
        say("web: http://127.0.0.1:{}/ (^C ends it)".format(port))
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("web: ended")
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
