from __future__ import annotations

import base64
import gc

import pytest

from inference_service.errors import InvalidRequest, UnsupportedContentType
from inference_service.parsing import MAX_PARTS, RequestBody, extract_image

IMAGE = b"\x89PNG not parsed here"


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = "\r\n".join((f"Content-Disposition: form-data; {disposition}", *headers))
    return b"--b\r\n" + lines.encode() + b"\r\n\r\n" + content + b"\r\n"


FILE = part('name="image"; filename="captcha.png"', IMAGE)


def form(*parts: bytes) -> RequestBody:
    return RequestBody("multipart/form-data; boundary=b", b"".join(parts) + b"--b--\r\n")


def json(content: bytes) -> RequestBody:
    return RequestBody("application/json", content)


def test_the_image_is_the_file_of_the_field_image() -> None:
    assert extract_image(form(FILE)) == IMAGE
    others = part('name="x"', b"text"), part('name="other"; filename="o"', b"other")
    assert extract_image(form(*others, FILE)) == IMAGE


def test_the_first_of_several_images_is_used() -> None:
    second = part('name="image"; filename="second.png"', b"second")
    assert extract_image(form(FILE, second)) == IMAGE


def test_line_breaks_in_the_image_are_kept() -> None:
    image = b"\r\n--\r\n--a\r\n" * 100
    assert extract_image(form(part('name="image"; filename="x"', image))) == image


def test_a_form_may_have_up_to_the_maximum_number_of_parts() -> None:
    text = part('name="x"', b"text")
    assert extract_image(form(FILE, *[text] * (MAX_PARTS - 1))) == IMAGE
    with pytest.raises(InvalidRequest, match=r"the form is invalid \(more than 20 parts\)"):
        extract_image(form(FILE, *[text] * MAX_PARTS))


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", f"; boundary={'b' * 71}", '; boundary="ä"']
)
def test_a_form_without_a_valid_boundary_is_invalid(boundary: str) -> None:
    body = RequestBody(f"multipart/form-data{boundary}", FILE)
    with pytest.raises(InvalidRequest, match="no valid boundary in Content-Type"):
        extract_image(body)


def test_a_truncated_form_is_invalid() -> None:
    with pytest.raises(InvalidRequest, match="the form is truncated or not multipart"):
        extract_image(RequestBody("multipart/form-data; boundary=b", FILE))


def test_a_parsed_form_leaves_no_reference_cycles_that_keep_it_in_memory() -> None:
    gc.collect()
    gc.disable()
    try:
        extract_image(form(FILE))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_base64_may_be_wrapped_or_a_data_url() -> None:
    encoded = base64.b64encode(IMAGE * 20)
    wrapped = b"\\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))
    for value in (encoded, wrapped, b"data:image/png;base64," + encoded):
        assert extract_image(json(b'{"image": "' + value + b'"}')) == IMAGE * 20


def test_the_media_type_is_case_insensitive() -> None:
    assert (
        extract_image(RequestBody("Application/JSON; charset=utf-8", b'{"image": "eA=="}')) == b"x"
    )


def test_an_empty_image_is_invalid() -> None:
    with pytest.raises(InvalidRequest, match="the image is empty"):
        extract_image(json(b'{"image": ""}'))


def test_other_content_types_are_unsupported() -> None:
    with pytest.raises(UnsupportedContentType, match="text/plain is not supported"):
        extract_image(RequestBody("text/plain", b"hello"))
    with pytest.raises(UnsupportedContentType, match="a body without Content-Type is not"):
        extract_image(RequestBody("", b"hello"))


def test_an_empty_request_contains_no_image() -> None:
    with pytest.raises(InvalidRequest, match="the request contains no image"):
        extract_image(RequestBody("", b""))
