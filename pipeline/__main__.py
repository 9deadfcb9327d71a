"""`python -m pipeline` is `odpipe`."""

from pipeline.cli import main

main()
