"""Whatever colours an administrator chooses, text can be read in light and in dark."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychgate.core.model import LoginDesign
from lychgate.pages.colours import BLACK, WHITE, Colour, contrast, parse_colour
from lychgate.pages.design import DARK, LIGHT, READABLE, Mode, palette, theme_css

hex_colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
settings = st.one_of(hex_colours, st.sampled_from(["", "navy", "yellow", "rebeccapurple", "nope"]))
modes = st.sampled_from([LIGHT, DARK])


def stylesheet_colours() -> tuple[dict[str, Colour], dict[str, Colour]]:
    """The custom properties of the stylesheet: in light, and in dark."""
    css = (files("lychgate.pages") / "templates" / "style.css").read_text("utf-8")
    light, dark = (
        {name: Colour(*bytes.fromhex(digits)) for name, digits in PROPERTY.findall(block)}
        for block in css.split(":root {")[1:3]
    )
    return light, dark


PROPERTY = re.compile(r"--([a-z-]+): #([0-9a-f]{6});")
LIGHT_CSS, DARK_CSS = stylesheet_colours()
CARDS = {LIGHT.soft: LIGHT_CSS["card"], DARK.soft: DARK_CSS["card"]}


@pytest.mark.parametrize("css", [LIGHT_CSS, DARK_CSS], ids=["light", "dark"])
def test_the_stylesheet_itself_is_readable(css: dict[str, Colour]) -> None:
    for text in ("ink", "muted"):
        assert min(contrast(css[text], css[on]) for on in ("card", "soft")) >= READABLE
    for tone in ("bad", "warn", "good"):
        assert contrast(css[tone], css[f"{tone}-soft"]) >= READABLE
    # WCAG 2.2, 1.4.11: the edge of a field or a button.
    assert contrast(css["strong-line"], css["card"]) >= 3


def test_the_design_knows_the_surfaces_of_the_stylesheet() -> None:
    assert (LIGHT.soft, DARK.soft) == (LIGHT_CSS["soft"], DARK_CSS["soft"])


@given(settings, settings, modes)
def test_every_text_is_readable(ground: str, text: str, mode: Mode) -> None:
    colours = palette(LoginDesign(ground, text), mode)
    assert contrast(colours.on_ground, colours.ground) >= READABLE
    assert contrast(colours.on_ground, colours.glow) >= READABLE
    assert contrast(colours.accent, mode.soft) >= READABLE
    assert contrast(colours.accent, CARDS[mode.soft]) >= READABLE
    assert contrast(colours.on_accent, colours.accent) >= READABLE


@given(st.text())
def test_only_parsed_colours_reach_the_stylesheet(text: str) -> None:
    if parse_colour(text) is None:
        assert theme_css(LoginDesign(text, text)) == theme_css(LoginDesign())


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#fff", WHITE),
        (" #000000 ", BLACK),
        ("#1D3557", Colour(0x1D, 0x35, 0x57)),
        ("RebeccaPurple", Colour(0x66, 0x33, 0x99)),
        ("", None),
        ("#12", None),
        ("#ggg", None),
        ("#ffff", None),
        ("red;}body{display:none", None),
        ("rgb(1,2,3)", None),
        ("var(--x)", None),
        ("url(https://evil.example)", None),
    ],
)
def test_colours_are_hex_or_named(text: str, colour: Colour | None) -> None:
    assert parse_colour(text) == colour


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast(WHITE, WHITE) == pytest.approx(1)
    assert contrast(Colour(0x76, 0x76, 0x76), WHITE) == pytest.approx(4.54, abs=0.01)


def test_a_readable_choice_is_kept_as_it_is() -> None:
    colours = palette(LoginDesign("#1d3557", "#f1faee"), LIGHT)
    assert (str(colours.ground), str(colours.on_ground)) == ("#1d3557", "#f1faee")


def test_a_bright_ground_loses_its_glare_in_the_dark() -> None:
    assert palette(LoginDesign("#ffffff"), DARK).ground.luminance < 0.03
    assert palette(LoginDesign("#ffffff"), LIGHT).ground == WHITE
