"""The frame of a page for people: one file that needs no network and runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def render_page(
    title: str, *, subtitle: str, top: str, sections: Sequence[tuple[str, str, str]], style: str, made_by: str
) -> str:
    """Render a whole page. `sections` are (id, head, body); all but the title and `made_by` are HTML."""
    links = "".join(f'<a href="#{key}">{head}</a>' for key, head, _ in sections)
    parts = "".join(
        f'<section id="{key}" aria-labelledby="{key}-head"><h2 id="{key}-head">{head}</h2>{body}</section>\n'
        for key, head, body in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<header>"
        f'<h1>{escape(title)}</h1><p class="soft">{subtitle}</p>{top}'
        f'<nav aria-label="Parts of this page">{links}</nav></header>\n<main>\n{parts}</main>\n'
        f"<footer><p>Made by <code>{escape(made_by)}</code>.</p></footer>\n</body>\n</html>\n"
    )
