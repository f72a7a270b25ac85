"""How an organisation's colours become the custom properties of the stylesheet, in light and dark.

An administrator gives two colours, of the ground and of the text on it. Everything else follows
from them, and each is corrected until what is written in it or on it can be read (4.5 to 1).
"""

from dataclasses import dataclass

from lychgate.core.model import LoginDesign
from lychgate.pages.colours import (
    BLACK,
    WHITE,
    Colour,
    contrast,
    parse_colour,
    readable,
)

READABLE = 4.5
"""The ratio WCAG 2.2 (1.4.3) asks of text."""
_VIVID = 0.12
_DARK = 0.02

_NEAR_BLACK = Colour(0x0B, 0x10, 0x0E)


@dataclass(frozen=True, slots=True)
class Mode:
    """Light or dark: what is used when nothing is configured.

    `soft` is as in style.css: what can be read on it can be read on the card, too.
    """

    ground: Colour
    text: Colour
    soft: Colour
    accent: Colour
    glow: float
    """How much of the accent the top of the ground takes on."""


LIGHT = Mode(
    Colour(0xF4, 0xF5, 0xF2),
    Colour(0x3D, 0x48, 0x43),
    Colour(0xF5, 0xF7, 0xF5),
    Colour(0x1C, 0x63, 0x4D),
    0.10,
)
DARK = Mode(
    Colour(0x10, 0x14, 0x12),
    Colour(0xB4, 0xBF, 0xB9),
    Colour(0x25, 0x29, 0x29),
    Colour(0x72, 0xC6, 0xA4),
    0.10,
)


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one mode that depend on the organisation."""

    ground: Colour
    glow: Colour
    on_ground: Colour
    accent: Colour
    on_accent: Colour

    def css(self) -> str:
        """The custom properties, as declarations."""
        return (
            f"--ground:{self.ground};--glow:{self.glow};--on-ground:{self.on_ground};"
            f"--accent:{self.accent};--on-accent:{self.on_accent}"
        )


def palette(design: LoginDesign, mode: Mode) -> Palette:
    """The colours of a design in a mode; what cannot be understood counts as not given."""
    given, text = parse_colour(design.background_color), parse_colour(design.text_color)
    accent = readable(_accent(given, text, mode), mode.soft, READABLE)
    ground = mode.ground if given is None else _ground(given, mode)
    # A ground that somebody chose stays as it is.
    glow = ground.mixed(accent, mode.glow) if given is None else ground
    on_ground = readable(readable(text or mode.text, ground, READABLE), glow, READABLE)
    on_accent = max((WHITE, _NEAR_BLACK), key=lambda colour: contrast(colour, accent))
    return Palette(ground, glow, on_ground, accent, on_accent)


def theme_css(design: LoginDesign) -> str:
    """The head of the stylesheet: nothing in it but colours that were parsed."""
    light, dark = palette(design, LIGHT).css(), palette(design, DARK).css()
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def _accent(ground: Colour | None, text: Colour | None, mode: Mode) -> Colour:
    """The most telling of the given colours, or ours when they are greys."""
    vivid = [colour for colour in (ground, text) if colour and colour.vividness > _VIVID]
    return vivid[0] if vivid else mode.accent


def _ground(given: Colour, mode: Mode) -> Colour:
    """The given ground; in the dark a bright one keeps its hue and loses its glare."""
    if mode is LIGHT or given.luminance <= _DARK:
        return given
    steps = (given.mixed(BLACK, step / 20) for step in range(1, 20))
    return next((colour for colour in steps if colour.luminance <= _DARK), mode.ground)
