"""Show the exported models on a page in the browser until ^C."""

from __future__ import annotations

import socket
from pathlib import Path

from pipeline.backends import choose_backend
from pipeline.errors import ConfigError


def web(root: Path, *, backend: str, port: int) -> int:
    """Serve the page, TensorFlow.js and the models of output/ on 127.0.0.1 and block; return the server's exit code."""
    check_port(port)
    engine = choose_backend(backend, root)
    # The page runs what this environment locks: TensorFlow.js
    engine.prepare("tfjs")
    return engine.serve("web", port=port)


def check_port(port: int, *, verb: str = "web", usual: int = 8080) -> None:
    """Raise ConfigError when a port of 127.0.0.1 cannot be had: an engine's own words for it come late and are long."""
    if not 1 <= port <= 65535:
        raise ConfigError(f"PORT is {port}; wanted 1 to 65535", hint=f"make {verb} PORT={usual}")
    with socket.socket() as probe:
        # As the server takes it: a port that was left a moment ago is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            other = port + 1 if port < 65535 else usual
            raise ConfigError(
                f"127.0.0.1:{port} cannot be had: {(error.strerror or str(error)).lower()}",
                hint=f"make {verb} PORT={other}",
            ) from error
