from __future__ import annotations

import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from generator_service.datasets.dataset_streams import MAX_STREAMS
from generator_service.rendering.captcha_text import generate_text
from generator_service.rendering.dataset_batches import render_grey_batch, render_png_batch
from generator_service.rendering.image_renderer import render_grey
from generator_service.rendering.render_options import RenderOptions
from generator_service.worker_pool import WorkerPool
from shared.captchas.dataset_archive import Dataset, NpzWriter, ZipWriter, read_npz
from shared.captchas.images import decode_image
from shared.captchas.spec import STYLES, CaptchaSpec
from tests.serving import eventually

SPEC = CaptchaSpec()
OPTIONS = RenderOptions()


def fetch_npz(generator: httpx.Client, folder: Path, **query: object) -> Dataset:
    path = folder / "dataset.npz"
    path.unlink(missing_ok=True)  # the images of an earlier dataset are mapped from its file
    path.write_bytes(generator.get("/dataset", params=query | {"format": "npz"}).content)
    return read_npz(path)


def fetch_zip(generator: httpx.Client, **query: object) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(generator.get("/dataset", params=query).content))


def test_zip_and_npz_of_a_seed_contain_the_same_captchas(
    generator: httpx.Client, tmp_path: Path
) -> None:
    dataset = fetch_npz(generator, tmp_path, count=70, seed=4)
    with fetch_zip(generator, count=70, seed=4) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [f"{text}_{index}.png" for index, text in enumerate(dataset.texts)]
        for name, image in zip(names, dataset.images, strict=True):
            assert (decode_image(archive.read(name), SPEC) == image).all()


def test_the_headers_name_the_file_and_the_seed(generator: httpx.Client) -> None:
    response = generator.get("/dataset", params={"count": 1, "seed": 12, "start": 3})
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == 'attachment; filename="captchas-12-3.zip"'
    assert response.headers["x-dataset-seed"] == "12"


def test_a_dataset_without_a_seed_can_be_rendered_again(generator: httpx.Client) -> None:
    first = generator.get("/dataset", params={"count": 2})
    again = generator.get("/dataset", params={"count": 2, "seed": first.headers["x-dataset-seed"]})
    assert again.content == first.content


def test_the_first_of_a_dataset_is_the_single_captcha_of_its_seed(generator: httpx.Client) -> None:
    single = generator.get("/captcha.png", params={"seed": 12})
    with fetch_zip(generator, count=1, seed=12) as archive:
        (name,) = archive.namelist()
        assert archive.read(name) == single.content
        assert name == f"{single.headers['x-captcha-text']}_0.png"


def test_parts_of_a_dataset_add_up_to_the_whole(generator: httpx.Client, tmp_path: Path) -> None:
    def texts(start: int, count: int) -> list[str]:
        return fetch_npz(generator, tmp_path, count=count, seed=4, start=start).texts

    assert texts(0, 20) == texts(0, 7) + texts(7, 13)


def test_a_dataset_can_be_restricted_to_some_characters(
    generator: httpx.Client, tmp_path: Path
) -> None:
    dataset = fetch_npz(generator, tmp_path, count=50, seed=4, charset="17")
    assert set("".join(dataset.texts)) == {"1", "7"}
    assert dataset.spec == replace(SPEC, charset="17")
    with fetch_zip(generator, count=50, seed=4, charset="17") as archive:
        names = archive.namelist()
        assert names == [f"{text}_{index}.png" for index, text in enumerate(dataset.texts)]
        assert decode_image(archive.read(names[9]), SPEC).tolist() == dataset.images[9].tolist()


def test_charset_style_and_start_can_be_combined(generator: httpx.Client, tmp_path: Path) -> None:
    query = {"count": 2, "seed": 4, "start": 9, "charset": "17"}
    current = fetch_npz(generator, tmp_path, **query)
    classic = fetch_npz(generator, tmp_path, **query, style="classic")
    assert classic.spec == replace(SPEC, charset="17", style="classic")
    assert classic.texts == current.texts
    assert not np.array_equal(classic.images, current.images)
    expected = render_grey(classic.spec, OPTIONS, classic.texts[0], 4, 9)
    assert np.array_equal(classic.images[0], expected)


def test_the_style_of_a_dataset_is_chosen_per_request(
    generator: httpx.Client, tmp_path: Path
) -> None:
    default, current, classic = (
        fetch_npz(generator, tmp_path, count=3, seed=4, **query)
        for query in ({}, {"style": "current"}, {"style": "classic"})
    )
    assert default.spec == current.spec == SPEC
    assert classic.spec == replace(SPEC, style="classic")
    assert default.texts == current.texts == classic.texts
    assert np.array_equal(default.images, current.images)
    assert not np.array_equal(current.images, classic.images)


def test_the_api_document_lists_every_style_and_the_largest_dataset(
    generator: httpx.Client,
) -> None:
    route = generator.get("/captcha/openapi.json").json()["paths"]["/dataset"]["get"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in route["parameters"]}
    assert tuple(schemas["style"]["anyOf"][0]["enum"]) == STYLES
    assert schemas["count"]["maximum"] == 100_000


def render_archive(spec: CaptchaSpec, renderer: str, archive_format: str) -> bytes:
    """Return the archive of captchas 7..106 of seed 31, rendered in one batch."""
    if archive_format == "zip":
        zip_writer = ZipWriter(7)
        return zip_writer.add(render_png_batch(spec, OPTIONS, 31, 7, 107)) + zip_writer.finish()
    npz_writer = NpzWriter(spec, renderer, 31, 7, 100)
    pixels = npz_writer.add(render_grey_batch(spec, OPTIONS, 31, 7, 107))
    texts = (generate_text(spec, 31, index) for index in range(7, 107))
    return pixels + b"".join(npz_writer.finish(texts))


@pytest.mark.parametrize("archive_format", ["zip", "npz"])
def test_an_archive_has_the_bytes_of_one_rendered_in_a_single_process(
    generator: httpx.Client, pool: WorkerPool, archive_format: str
) -> None:
    query = {"count": 100, "seed": 31, "start": 7, "format": archive_format}
    expected = render_archive(SPEC, pool.fingerprint_renderer(SPEC), archive_format)
    assert generator.get("/dataset", params=query).content == expected


@pytest.mark.parametrize("archive_format", ["zip", "npz"])
def test_an_archive_of_large_captchas_does_not_depend_on_their_batches(
    generator: httpx.Client, pool: WorkerPool, archive_format: str
) -> None:
    large = CaptchaSpec(width=500, height=400)  # batches of 5
    body = {"spec": large.to_dict(), "count": 100, "seed": 31, "start": 7, "format": archive_format}
    expected = render_archive(large, pool.fingerprint_renderer(large), archive_format)
    assert generator.post("/internal/dataset", json=body).content == expected


def test_clients_that_disconnect_do_not_affect_later_ones(
    generator: httpx.Client, app: FastAPI
) -> None:
    for _ in range(MAX_STREAMS + 4):
        with generator.stream("GET", "/dataset", params={"count": 50_000}) as response:
            next(response.iter_bytes())
    assert generator.get("/captcha.png", timeout=5).status_code == 200
    eventually(
        lambda: generator.get("/dataset", params={"count": 1}).status_code == 200,
        10,
        "a free stream",
    )
    wait_until_no_stream_is_active(app)


def test_the_number_of_concurrent_datasets_is_limited(
    generator: httpx.Client, app: FastAPI
) -> None:
    wait_until_no_stream_is_active(app)
    clients = MAX_STREAMS + 12
    all_responded = threading.Barrier(clients, timeout=60)

    def fetch(_: int) -> int:
        query = {"count": 100_000, "format": "npz"}
        with generator.stream("GET", "/dataset", params=query) as response:
            if response.status_code == 503:
                assert response.headers["retry-after"] == "10"
                assert "datasets are being rendered" in response.read().decode()
            all_responded.wait()
            return response.status_code

    with ThreadPoolExecutor(clients) as threads:
        statuses = list(threads.map(fetch, range(clients)))
    assert statuses.count(200) == MAX_STREAMS
    assert statuses.count(503) == clients - MAX_STREAMS
    wait_until_no_stream_is_active(app)
    assert generator.get("/dataset", params={"count": 1}).status_code == 200


def wait_until_no_stream_is_active(app: FastAPI) -> None:
    """Wait until the generator has noticed that earlier clients disconnected."""
    eventually(lambda: app.state.services.streams.active == 0, 10, "the end of all streams")
