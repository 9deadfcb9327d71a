"""The version of this project, as pyproject.toml has it, which no image sees."""

VERSION = "0.1.0"
