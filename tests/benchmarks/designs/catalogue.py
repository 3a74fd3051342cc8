"""The captcha designs of the benchmark. No model is trained on any of them."""

from __future__ import annotations

from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

from tests.benchmarks.designs.design import Design

FONT_PACKAGES = (
    "font-fjallaone==0.1.7",
    "font-fredoka-one==0.0.4",
    "font-hanken-grotesk==0.0.2",
    "font-rhd==0.1.3",
    "font-source-sans-pro==0.0.1",
    "font-source-serif-pro==0.0.1",
)
"""PyPI packages with the fonts. The style `synthetic` was trained with none of these families."""

SVG_RENDERER = "@resvg/resvg-js@2.6.2"


def _without(charset: str, confusable: str) -> str:
    return "".join(character for character in charset if character not in confusable)


DESIGNS = (
    Design(
        "erased_letters",
        charset=_without(ascii_uppercase + digits, "0O1IBS58Z2"),
        min_length=5,
        max_length=5,
        effect_in_style=True,
        fonts=("RedHatDisplay-Black.ttf", "RedHatDisplay-ExtraBold.ttf"),
    ),
    Design(
        "hatched_arc",
        charset="abcdefghkmnpqrstuvwxyz",
        min_length=6,
        max_length=6,
        effect_in_style=True,
        fonts=("SourceSerifPro-Black.ttf", "SourceSerifPro-Bold.ttf"),
    ),
    Design(
        "inverted_checks",
        charset=digits,
        min_length=4,
        max_length=6,
        effect_in_style=True,
        fonts=("FjallaOne-Regular.ttf", "FredokaOne-Regular.ttf"),
    ),
    Design(
        "landscape",
        charset=_without(ascii_letters + digits, "0Oo1Il"),
        min_length=5,
        max_length=5,
        effect_in_style=True,
        fonts=("SourceSansPro-Bold.ttf", "SourceSansPro-Semibold.ttf"),
    ),
    Design(
        "misprint",
        charset=_without(ascii_uppercase + digits, "0O1I"),
        min_length=3,
        max_length=8,
        fonts=("HankenGrotesk-Bold.otf", "HankenGrotesk-SemiBold.otf"),
    ),
    Design(
        "mosaic",
        charset=_without(ascii_lowercase + digits, "01ilo"),
        min_length=4,
        max_length=4,
        fonts=("RedHatDisplay-Black.ttf", "FredokaOne-Regular.ttf"),
    ),
    Design(
        "whirl",
        charset=_without(ascii_lowercase + digits, "01ilo"),
        min_length=5,
        max_length=5,
        fonts=("FjallaOne-Regular.ttf", "HankenGrotesk-SemiBold.otf"),
    ),
    Design(
        "svg_captcha",
        charset=_without(ascii_uppercase + ascii_lowercase + digits, "0o1i"),  # as its README
        min_length=4,
        max_length=4,
        npm=("svg-captcha@1.4.0", SVG_RENDERER),
    ),
    Design("captchapng", digits, min_length=4, max_length=4, npm=("captchapng@0.0.1",)),
    Design(
        "trek_captcha",
        charset=_without(ascii_lowercase, "eg"),  # it has no glyphs for these
        min_length=5,
        max_length=5,
        npm=("trek-captcha@0.4.0",),
    ),
    Design(
        "wheezy_captcha",
        charset=_without(ascii_uppercase + digits, "0O1I"),
        min_length=4,
        max_length=4,
        fonts=("SourceSansPro-Bold.ttf", "SourceSerifPro-Bold.ttf"),
        pip=("wheezy.captcha==3.2.2", "pillow==13.0.0"),
    ),
    Design(
        "django_simple_captcha",
        charset=ascii_uppercase,
        min_length=4,
        max_length=4,
        fonts=("FredokaOne-Regular.ttf",),
        pip=("django-simple-captcha==0.7.0", "django==5.2.19", "pillow==13.0.0"),
    ),
    Design(
        "easy_captcha",
        charset=_without(ascii_uppercase + digits, "0O1IL"),  # its font has capitals only
        min_length=5,
        max_length=5,
        pip=("easy-captcha-python==1.0.0", "pillow==13.0.0"),
    ),
)
