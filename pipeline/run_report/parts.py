"""Pieces of HTML that the parts of the report share: facts, tables, shares, large figures. All words are escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from pipeline.report.visibility_part import format_share


def render_facts(facts: Mapping[str, str]) -> str:
    """Render facts as a table of two columns; the values are HTML already. Empty ones are left out."""
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{value}</td></tr>' for key, value in facts.items() if value
    )
    return f'<div class="scroll"><table class="facts"><tbody>{rows}</tbody></table></div>'


def render_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int = 1, caption: str = "", kind: str = ""
) -> str:
    """Render a table of HTML cells, the first of each row its head; from `numbers_from` on they are figures."""

    def cell(number: int, words: str) -> str:
        if number == 0:
            return f'<th scope="row">{words}</th>'
        return f'<td class="number">{words}</td>' if number >= numbers_from else f"<td>{words}</td>"

    columns = "".join(
        f'<th scope="col" class="number">{head}</th>' if number >= numbers_from else f'<th scope="col">{head}</th>'
        for number, head in enumerate(heads)
    )
    body = "".join(f"<tr>{''.join(cell(number, one) for number, one in enumerate(row))}</tr>" for row in rows)
    titled = f"<caption>{caption}</caption>" if caption else ""
    named = f' class="{kind}"' if kind else ""
    head = f"{titled}<thead><tr>{columns}</tr></thead>"
    return f'<div class="scroll"><table{named}>{head}<tbody>{body}</tbody></table></div>'


def render_tiles(tiles: Sequence[tuple[str, str, str]]) -> str:
    """Render (head, figure, words) as large figures."""
    return '<dl class="tiles">' + "".join(
        f"<div><dt>{head}</dt><dd>{value}{f'<small>{words}</small>' if words else ''}</dd></div>"
        for head, value, words in tiles
    ) + "</dl>"  # fmt: skip


def render_shares(parts: Sequence[tuple[str, int]]) -> str:
    """Render counts as one bar of coloured parts; each is a class of the style sheet and how many."""
    return (
        '<div class="share" aria-hidden="true">'
        + "".join(f'<i class="{kind}" style="flex:{count}"></i>' for kind, count in parts if count)
        + "</div>"
    )


def count(number: int, word: str) -> str:
    """Say a number of things: 1 box, 2 boxes."""
    plural = {"box": "boxes", "class": "classes"}.get(word, word + "s")
    return f"{number:,} {word if number == 1 else plural}"


__all__ = ["count", "format_share", "render_facts", "render_shares", "render_table", "render_tiles"]
