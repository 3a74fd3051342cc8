"""The captcha spec of a request: the generator's, with another style or a part of the charset."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from generator_service.errors import IllegibleText, UnsupportedCharset, UnsupportedRequest
from generator_service.rendering.render_options import RenderOptions
from generator_service.rendering.spec_check import check_renderable
from shared.captchas.spec import CaptchaSpec, Style


class RequestSpecs:
    """The generator's spec in the styles that requests choose.

    A style is checked when a request first chooses it, so that the start does not take longer. The
    generator's own style was checked at the start.
    """

    def __init__(self, spec: CaptchaSpec, options: RenderOptions) -> None:
        self._spec = spec
        self._options = options
        self._problems: dict[Style, str | None] = {spec.style: None}

    async def choose(self, style: Style | None) -> CaptchaSpec:
        """Return the spec in another style; None means the style of the spec.

        Raises:
            IllegibleText: if the style cannot show every text of the spec.
        """
        if style is None:
            return self._spec
        spec = self._spec.with_style(style)
        if style not in self._problems:
            # Off the event loop: it renders each character in each font.
            self._problems[style] = await asyncio.to_thread(self._find_problem, spec)
        if problem := self._problems[style]:
            raise IllegibleText(problem)
        return spec

    def _find_problem(self, spec: CaptchaSpec) -> str | None:
        try:
            check_renderable(spec, self._options)
        except UnsupportedRequest as error:
            return str(error)
        return None


def restrict_charset(spec: CaptchaSpec, charset: str) -> CaptchaSpec:
    """Return the spec with a part of its charset.

    Raises:
        UnsupportedCharset: if the spec does not contain all of the characters.
        SpecError: if the charset is empty or repeats a character.
    """
    if unknown := sorted(set(charset) - set(spec.charset)):
        raise UnsupportedCharset(
            f"charset contains {''.join(unknown)!r}; this generator renders {spec.charset!r}"
        )
    return replace(spec, charset=charset)
