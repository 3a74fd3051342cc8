from __future__ import annotations

import gc

import pytest

from inference_service.errors import InvalidRequest
from inference_service.requests.form import MAX_PARTS, parse_form

TYPE = "multipart/form-data; boundary=b"
IMAGE = b"\x89PNG not parsed here"


def part(disposition: str, content: bytes) -> bytes:
    head = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def parse(*parts: bytes) -> list[bytes | None]:
    return parse_form(TYPE, b"".join(parts) + b"--b--\r\n")


TEXT = part('name="x"', b"text")
FILE = part('name="image"; filename="captcha.png"', IMAGE)


def test_the_fields_image_are_returned_in_order_and_text_ones_as_none() -> None:
    second = part('name="image"; filename="second.png"', b"second")
    other = part('name="other"; filename="o"', b"other")
    text = part('name="image"', b"captcha.png")
    assert parse(TEXT, FILE, other, text, second) == [IMAGE, None, b"second"]
    assert parse(TEXT, other) == []


def test_line_breaks_in_the_image_are_kept() -> None:
    image = b"\r\n--\r\n--a\r\n" * 100
    assert parse(part('name="image"; filename="x"', image)) == [image]


def test_a_form_may_have_up_to_the_maximum_number_of_parts() -> None:
    assert parse(FILE, *[TEXT] * (MAX_PARTS - 1)) == [IMAGE]
    with pytest.raises(InvalidRequest, match=r"the form is invalid \(more than 84 parts\)"):
        parse(FILE, *[TEXT] * MAX_PARTS)


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", f"; boundary={'b' * 71}", '; boundary="ä"']
)
def test_a_form_without_a_valid_boundary_is_invalid(boundary: str) -> None:
    with pytest.raises(InvalidRequest, match="no valid boundary in Content-Type"):
        parse_form(f"multipart/form-data{boundary}", FILE)


def test_a_truncated_form_is_invalid() -> None:
    with pytest.raises(InvalidRequest, match="the form is truncated or not multipart"):
        parse_form(TYPE, FILE)


def test_a_part_may_not_have_thousands_of_parameters() -> None:
    assert parse(part('name="image"; filename="x"' + ";a=b" * 18, IMAGE)) == [IMAGE]
    with pytest.raises(InvalidRequest, match="Content-Disposition has more than 20 parameters"):
        parse(part('name="image"; filename="x"' + ";a=b" * 19, IMAGE))


def test_a_parsed_form_leaves_no_reference_cycles_that_keep_it_in_memory() -> None:
    gc.collect()
    gc.disable()
    try:
        parse(FILE)
        assert gc.collect() == 0
    finally:
        gc.enable()
