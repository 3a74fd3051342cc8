"""Routes for other programs: captchas of any spec."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from generator_service.app import create_app
from generator_service.rendering.image_renderer import render_grey
from generator_service.rendering.named_fonts import FONT_DIRECTORY
from generator_service.rendering.render_options import RenderOptions
from generator_service.settings import Settings
from generator_service.worker_pool import WorkerPool
from shared.captchas.dataset_archive import read_npz
from shared.captchas.effects import Effects
from shared.captchas.spec import STYLES, CaptchaSpec
from shared.fingerprint import fingerprint

FONT = min(path.name for path in (FONT_DIRECTORY / "bundled").glob("*.ttf"))
OTHER = CaptchaSpec(
    charset="abcXYZ", length=6, width=200, height=80, min_length=5, style="classic",
    effects=Effects(noise_dots=0, noise_curves=2, fonts=(FONT,)),
)  # fmt: skip


def fetch(generator: httpx.Client, spec: CaptchaSpec, path: Path, **body: Any) -> Any:
    given = {"spec": spec.to_dict(), "count": 3, "seed": 5, **body}
    path.write_bytes(generator.post("/internal/dataset", json=given).raise_for_status().content)
    return read_npz(path)


def test_a_dataset_of_any_spec_is_rendered(generator: httpx.Client, tmp_path: Path) -> None:
    dataset = fetch(generator, OTHER, tmp_path / "a.npz", start=7)
    assert (dataset.spec, dataset.seed, dataset.start) == (OTHER, 5, 7)
    for i, (image, text) in enumerate(zip(dataset.images, dataset.texts, strict=True)):
        OTHER.check_text(text)
        assert np.array_equal(image, render_grey(OTHER, RenderOptions(), text, 5, 7 + i))


@pytest.mark.parametrize("style", STYLES)
def test_the_generators_own_spec_gives_the_pixels_of_the_public_route(
    generator: httpx.Client, tmp_path: Path, style: Any
) -> None:
    query: dict[str, Any] = {"count": 3, "seed": 5, "format": "npz", "style": style}
    public = generator.get("/dataset", params=query).content
    fetch(generator, CaptchaSpec(style=style), tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == public


def test_the_limit_of_public_datasets_does_not_apply(pool: WorkerPool) -> None:
    # The transport does not run the lifespan of the app, which would close the pool.
    transport = httpx.ASGITransport(create_app(Settings.load(max_dataset=2), pool))

    async def fetch_statuses() -> list[int]:
        async with httpx.AsyncClient(transport=transport, base_url="http://generator") as client:
            body = {"spec": CaptchaSpec().to_dict(), "count": 3, "seed": 5}
            public = await client.get("/dataset", params={"count": 3})
            internal = await client.post("/internal/dataset", json=body)
            return [public.status_code, internal.status_code]

    assert asyncio.run(fetch_statuses()) == [422, 200]


def test_the_description_of_a_spec_fits_its_datasets(
    generator: httpx.Client, tmp_path: Path
) -> None:
    own = generator.get("/captcha/spec").json()
    assert generator.post("/internal/spec", json={"spec": own["spec"]}).json() == own
    body = generator.post("/internal/spec", json={"spec": OTHER.to_dict()}).json()
    assert body["spec"] == OTHER.to_dict()
    assert body["fingerprint"] == OTHER.fingerprint
    assert body["renderer_fingerprint"] == fingerprint(body["renderer"])
    assert body["renderer"]["fonts"] != own["renderer"]["fonts"]
    assert fetch(generator, OTHER, tmp_path / "a.npz").renderer == body["renderer_fingerprint"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effects": Effects(fonts=("None.ttf",))}, "there is no None.ttf; the generator has "),
        ({"length": 8, "min_length": 8, "width": 60}, "width must be at least 64 for 8 characters"),
        (
            {"effects": Effects(text_color="#000000")},
            "text_color must differ from background_color by at least 20 of 255 grey levels, not 0"
            " (#000000 on random)",
        ),
        ({"height": 30}, "height must be at least 40 in the style current"),
        (
            {"effects": Effects(fonts=("NotoSansSymbols2-pictograms.ttf",))},
            "the font NotoSansSymbols2-pictograms.ttf cannot be used: it has no '0'",
        ),
    ],
)
def test_a_spec_that_cannot_be_shown_is_refused_with_the_reason(
    generator: httpx.Client, changes: dict[str, Any], message: str
) -> None:
    spec = replace(CaptchaSpec(), **changes).to_dict()
    for route, body in {"spec": {}, "dataset": {"count": 1, "seed": 1}}.items():
        response = generator.post(f"/internal/{route}", json={"spec": spec} | body)
        assert response.status_code == 422
        assert message in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "count: Field required"),
        ({"count": 0, "seed": 1}, "count: Input should be greater than or equal to 1"),
        ({"count": 100_001, "seed": 1}, "count: Input should be less than or equal to 100000"),
        ({"count": 1, "seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"count": 1, "seed": 1, "spec": {"width": 3}}, "a spec has the fields charset, height"),
        (
            {"count": 1, "seed": 1, "spec": CaptchaSpec().to_dict() | {"width": 100_000}},
            "width must be an integer from 16 to 1000, not 100000",
        ),
        (
            {"count": 1, "seed": 1, "spec": CaptchaSpec().to_dict() | {"effects": {"blur": 1}}},
            "effects has no blur",
        ),
        (
            {
                "count": 1,
                "seed": 1,
                "spec": replace(CaptchaSpec(), effects=Effects(fonts=("None.ttf",))).to_dict(),
            },
            "there is no None.ttf",
        ),
        ({"count": 1, "seed": 1, "fonts": "/etc"}, "fonts: Extra inputs are not permitted"),
    ],
)
def test_an_invalid_request_is_refused_by_name(
    generator: httpx.Client, body: dict[str, Any], message: str
) -> None:
    given = {"spec": CaptchaSpec().to_dict(), **body}
    response = generator.post("/internal/dataset", json=given)
    assert response.status_code == 422
    assert message in response.json()["detail"]
