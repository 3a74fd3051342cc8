"""Render options: what the renderer needs besides the spec."""

from __future__ import annotations

from dataclasses import dataclass, field

from generator_service.synthetic.options import SyntheticOptions


@dataclass(frozen=True)
class RenderOptions:
    """Fonts and effects that the generator renders with.

    Attributes:
        fonts: font files of the library's styles; empty means the library's font.
        synthetic_fonts: font files of the synthetic style.
        synthetic: effects of the synthetic style.
    """

    fonts: tuple[str, ...] = ()
    synthetic_fonts: tuple[str, ...] = ()
    synthetic: SyntheticOptions = field(default_factory=SyntheticOptions)
