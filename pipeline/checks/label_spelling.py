"""Labels that may be one class, written in two ways.

    Car, car        upper and lower case
    "car ", car     space, also stop_sign, stop-sign and "stop sign"
    catt, cat       a doubled letter
    persno, person  two letters swapped, one left out, one too many, one wrong
    dogs, dog       a plural

Different words that are short (cat, car), numbers (class1, class2), letters (A, a; type_a, type_b) and names of a
system (plate_ax, plate_ay) are not suggested: what people must read through in vain they stop reading.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

LONGEST = 80
"""Labels longer than this are compared by case and space only."""
MOST_ALIKE = 4
"""If more labels than these differ in one and the same letter, they are a system and not misspelt."""
MOST_LABELS = 5000
"""Among more labels than these nobody looks for a slip."""
_BETWEEN = re.compile(r"(?<=\w)[\s_\-]+(?=\w)")
_EDGES = " \t\r\n\v\f_\u00a0"


def find_similar_labels(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of labels that look like one another, each in the order of the labels; linear in their number."""
    order = {label: number for number, label in enumerate(labels)}
    written: defaultdict[str, list[str]] = defaultdict(list)
    for label in order:
        written[" ".join(_to_words(label))].append(label)
    pairs: set[tuple[str, str]] = set()
    joined: defaultdict[str, list[str]] = defaultdict(list)
    for form in written:
        joined[_join(form.split(" "))].append(form)
    for forms in joined.values():
        alike = [label for form in forms for label in written[form]]
        if len(_join(forms[0].split(" "))) > 1:
            pairs.update((alike[0], other) for other in alike[1:])
    first = {form: alike[0] for form, alike in written.items()}
    for form, other in _find_misspelt(written) if len(written) <= MOST_LABELS else ():
        pairs.add((first[form], first[other]))
    ordered = {(one, other) if order[one] < order[other] else (other, one) for one, other in pairs}
    return sorted(ordered, key=lambda pair: (order[pair[0]], order[pair[1]]))


def _to_words(label: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", label).casefold().strip(_EDGES)
    return _BETWEEN.sub(" ", plain).split(" ")


def _join(words: Sequence[str]) -> str:
    """Write words as one; numbers stay apart, since 1_2 is not 12."""
    text = words[0]
    for word in words[1:]:
        text += (" " if text[-1:].isdigit() and word[:1].isdigit() else "") + word
    return text


def _find_misspelt(forms: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of which one word differs by a slip. Found by what is left when a letter is left out."""
    alike: defaultdict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    for form in forms:
        if len(form) > LONGEST:
            continue
        words = form.split(" ")
        for place, word in enumerate(words):
            if not _can_be_misspelt(word):
                continue
            left = {word[:index] + word[index + 1 :] for index in range(len(word))}
            for rest in {*left, word, "".join(sorted(word)) + " "}:
                around = (*words[:place], rest, *words[place + 1 :], str(place))
                alike[around].append((form, word))
    for group in alike.values():
        if len(group) > MOST_ALIKE:
            continue
        for index, (form, word) in enumerate(group):
            yield from ((form, other) for other, second in group[:index] if is_slip(word, second))


def _can_be_misspelt(word: str) -> bool:
    """Say whether a word is of letters that are spelt: in scripts without case each sign is a word."""
    return len(word) > 2 and word.isalpha() and word.upper() != word.lower()


def is_slip(word: str, other: str) -> bool:
    """Say whether two words in lower case differ as by a slip of the pen."""
    short, long = sorted((word, other), key=len)
    if short == long or short[0] != long[0] or len(long) - len(short) > 1:
        return False
    if len(short) == len(long):
        differing = [index for index in range(len(short)) if short[index] != long[index]]
        if len(differing) == 1:
            return len(short) >= 7 and differing[0] != len(short) - 1
        is_swapped = differing[-1] - differing[0] < 4 and sorted(short) == sorted(long)
        return len(short) >= (4 if len(differing) == 2 and differing[1] == differing[0] + 1 else 6) and is_swapped
    index = next((index for index in range(len(short)) if short[index] != long[index]), len(short))
    if short[index:] != long[index + 1 :]:
        return False
    letter = long[index]
    if letter == long[index - 1]:  # oo and ee make other words: cop, coop
        return letter not in "aeiou" or len(short) >= 5
    if index == len(short):
        return letter == "s"
    return len(short) >= 5
