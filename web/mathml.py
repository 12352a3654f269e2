"""LaTeX from models -> MathML of a short list of elements. Refuses what it cannot draw in full: the caller shows it.

latex2mathml writes text unescaped and passes on addresses and styles: its tree is taken, its HTML never.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from xml.etree.ElementTree import Element  # nosec B405

from latex2mathml.converter import Converter

LONGEST: Final = 4_000
"""Characters of a formula that are drawn; a longer one is no formula that anybody reads."""

_DEEPEST: Final = 60
"""Elements within one another."""

_LENGTH: Final = r"[+-]?(\d{1,2}(\.\d{1,4})?|\.\d{1,4})(em|ex|pt|px|mu)?"
_WORDS: Final = r"[a-z]+( [a-z]+){0,30}"
_TRUTH: Final = "true|false"
ATTRIBUTES: Final = {
    "accent": _TRUTH,
    "columnalign": "left|center|right",
    "columnlines": _WORDS,
    "depth": _LENGTH,
    "display": "block|inline",
    "displaystyle": _TRUTH,
    "fence": _TRUTH,
    "form": "prefix|infix|postfix",
    "height": _LENGTH,
    "largeop": _TRUTH,
    "linethickness": _LENGTH,
    "lspace": _LENGTH,
    "mathbackground": "#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,20}",
    "mathcolor": "#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,20}",
    "mathsize": _LENGTH,
    "mathvariant": "[a-z-]{1,30}",
    "maxsize": _LENGTH,
    "minsize": _LENGTH,
    "movablelimits": _TRUTH,
    "notation": _WORDS,
    "rowlines": _WORDS,
    "rspace": _LENGTH,
    "scriptlevel": r"[+-]?\d",
    "separator": _TRUTH,
    "stretchy": _TRUTH,
    "voffset": _LENGTH,
    "width": _LENGTH,
}
"""What may stand in an element, each with the form of its values."""

_CHILDREN: Final = {
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
ELEMENTS: Final = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mstyle", "mpadded", "mphantom", "menclose", "msqrt"),
    *("mtable", "mtr", "mtd"),
    *_CHILDREN,
}

# Names of environments that mean, on a page without equation numbers, one that the converter knows.
_SAME: Final = {
    **dict.fromkeys(("aligned", "align", "eqnarray", "eqnarray*", "split"), "align*"),
    **dict.fromkeys(("gathered", "gather", "gather*"), "matrix"),
    **dict.fromkeys(("dcases", "rcases"), "cases"),
}
_KNOWN: Final = {f"{letter}matrix{star}" for letter in ("", *"pbBvV") for star in ("", "*")} | {
    *("align*", "array", "cases", "smallmatrix", "substack"),
}
_ENVIRONMENT: Final = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_OPERATOR_NAME: Final = re.compile(r"(\\operatorname\*?\s*\{)([^{}]*)\}")
_SPACES: Final = re.compile(r"\\[,;:! ]|[~{}]")
_CODE_POINT: Final = re.compile(r"&#x[0-9A-Fa-f]{1,6};")
_COMMAND: Final = re.compile(r"\\[A-Za-z]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STYLES: Final = ("bold", "italic", "double-struck", "script", "fraktur", "sans-serif", "monospace")


class NotDrawnError(Exception):
    """This LaTeX cannot be drawn, or not in full."""


class _NoMacros(dict[str, tuple[list[str], int]]):
    """Refuses definitions: a few of them, each twice within the next, are longer than any memory."""

    def __setitem__(self, name: str, macro: tuple[list[str], int]) -> None:
        raise NotDrawnError("a definition")


def mathml(latex: str, *, display: bool) -> str:
    """One `<math>` element.

    Args:
        display: whether it stands on a line of its own.

    Raises:
        NotDrawnError: for what is wrong, unknown, too long or too deep.
    """
    if len(latex) > LONGEST or _CONTROL.search(latex):
        raise NotDrawnError("too long, or no text")
    converter = Converter(display="block" if display else "inline")
    converter.macros = _NoMacros()
    try:
        tree = converter.convert_to_element(_prepared(latex, display))
    except NotDrawnError:
        raise
    except Exception as problem:  # its parser raises whatever it stumbles over
        raise NotDrawnError(type(problem).__name__) from problem
    return _written(tree, 0)


def _prepared(latex: str, display: bool) -> str:
    """The same in words that the converter knows."""
    latex = _ENVIRONMENT.sub(_environment, latex.strip())
    latex = _OPERATOR_NAME.sub(lambda found: f"{found[1]}{_SPACES.sub(' ', found[2])}}}", latex)
    if display and r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{matrix}}{latex}\end{{matrix}}"  # lines below one another
    return latex


def _environment(found: re.Match[str]) -> str:
    name = found[2].strip()
    if name in ("equation", "equation*", "displaymath", "math"):
        return " "
    name = _SAME.get(name, name)
    if name not in _KNOWN:
        raise NotDrawnError("an unknown environment")
    return rf"\{found[1]}{{{name}}}"


def _written(element: Element, depth: int) -> str:
    tag, text = element.tag, _text(element)
    if depth > _DEEPEST or tag not in ELEMENTS or len(element) != _CHILDREN.get(tag, len(element)):
        raise NotDrawnError("too deep, or not whole")
    if tag != "mtext" and _COMMAND.match(text):
        raise NotDrawnError("an unknown command")
    if tag in ("mi", "mn"):
        text = _styled(text, element.get("mathvariant", ""))
    attributes = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in element.attrib.items()
        if name in ATTRIBUTES and re.fullmatch(ATTRIBUTES[name], value)
    )
    inside = "".join(_written(child, depth + 1) for child in element)
    return f"<{tag}{attributes}>{html.escape(text, quote=False)}{inside}</{tag}>"


def _text(element: Element) -> str:
    """The converter writes its symbols as character references, and what the model wrote as it is."""
    return _CODE_POINT.sub(lambda found: html.unescape(found[0]), element.text or "")


def _styled(text: str, variant: str) -> str:
    """Letters of a style are characters of their own: browsers no longer make them of an attribute."""
    if not any(style in variant for style in _STYLES):
        return text
    return "".join(_letter(character, variant.replace("-", " ").upper()) for character in text)


def _letter(character: str, style: str) -> str:
    style = style.replace("DOUBLE STRUCK", "DOUBLE-STRUCK").replace("SANS SERIF", "SANS-SERIF")
    name = unicodedata.name(character, "").replace("LATIN ", "").replace("GREEK ", "").replace(" LETTER", "")
    for wanted in (f"MATHEMATICAL {style} {name}", f"{style.replace('FRAKTUR', 'BLACK-LETTER')} {name}"):
        try:
            return unicodedata.lookup(wanted)
        except KeyError:
            continue
    return character
