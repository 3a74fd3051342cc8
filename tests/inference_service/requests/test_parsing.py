from __future__ import annotations

import base64

import pytest

from inference_service.errors import InvalidRequest, UnsupportedContentType
from inference_service.requests.parsing import RequestBody, extract_image, extract_images

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


def test_several_images_are_rejected_with_the_route_for_them() -> None:
    second = part('name="image"; filename="second.png"', b"second")
    message = r"has 2 fields 'image', and this route predicts one; POST /predict/batch predicts up"
    with pytest.raises(InvalidRequest, match=message):
        extract_image(form(FILE, second))


def test_a_text_field_beside_the_file_is_ignored() -> None:
    assert extract_image(form(part('name="image"', b"text"), FILE)) == IMAGE


def test_base64_may_be_wrapped_or_a_data_url() -> None:
    encoded = base64.b64encode(IMAGE * 20)
    wrapped = b"\\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))
    for value in (encoded, wrapped, b"data:image/png;base64," + encoded):
        assert extract_image(json(b'{"image": "' + value + b'"}')) == IMAGE * 20


def test_every_ascii_whitespace_in_base64_is_ignored() -> None:
    assert extract_image(json(b'{"image": " e\\tA\\r\\n=\\f=\\u000b"}')) == b"x"
    with pytest.raises(InvalidRequest, match="the image is empty"):
        extract_image(json(b'{"image": "   "}'))


@pytest.mark.parametrize("length", range(1, 9))
def test_base64_of_both_alphabets_is_read_with_and_without_padding(length: int) -> None:
    image = bytes(range(248, 256))[-length:]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        padded = encode(image)
        for value in (padded, padded.rstrip(b"=")):
            assert extract_image(json(b'{"image": "' + value + b'"}')) == image


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-/8=", "it mixes '[+]' and '/' with '-' and '_' of the URL-safe alphabet"),
        ("ab_+", "it mixes"),
        ("ab%d", "it contains '%'"),
        ("abä", "it contains 'ä'"),
        ("_b.d", "it contains '[.]'"),
        ("ab😀äc", "it contains '😀'"),
        ("ab\N{NO-BREAK SPACE}cd", r"it contains '\\xa0'"),
        ("abcde", "1 more than a multiple of 4"),
        ("=abc", "padding"),
        ("ab=cdefg", "."),
        ("QQ==QQ==", "."),
    ],
)
def test_text_that_is_not_base64_is_rejected_with_the_reason(value: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=f"the image is not valid base64: .*{message}"):
        extract_image(json(f'{{"image": "{value}"}}'.encode()))


def test_the_images_of_a_batch_are_the_files_in_order() -> None:
    images = [b"image %d" % i for i in range(64)]
    parts = [part(f'name="image"; filename="{i}"', image) for i, image in enumerate(images)]
    other = part('name="x"', b"text")
    assert extract_images(form(other, *parts, other)) == images
    encoded = b",".join(b'"%s"' % base64.b64encode(image) for image in images)
    assert extract_images(json(b'{"images": [' + encoded + b"]}")) == images


def test_an_image_of_a_batch_that_cannot_be_read_is_replaced_by_its_error() -> None:
    from_form = extract_images(
        form(
            FILE,
            part('name="image"', b"captcha.png"),
            part('name="image"; filename="x"', b""),
            FILE,
        )
    )
    from_json = extract_images(json(b'{"images": ["eA==", "%", "", "eA"]}'))
    assert (from_form[0], from_form[3]) == (IMAGE, IMAGE)
    assert (from_json[0], from_json[3]) == (b"x", b"x")
    assert list(map(str, from_form[1:3])) == [
        "the field 'image' is text; send a file (curl -F image=@...)",
        "the image is empty",
    ]
    assert list(map(str, from_json[1:3])) == [
        "the image is not valid base64: it contains '%'",
        "the image is empty",
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form(), "the form is truncated|the form has no field 'image'"),
        (form(part('name="x"', b"text")), "the form has no field 'image'"),
        (form(*[FILE] * 65), "the form has 65 images, more than the 64 of a request"),
        (form(*[FILE] * 85), "more than 84 parts"),
        (json(b'{"images": []}'), "images: List should have at least 1 item"),
        (json(b'{"images": [%s]}' % b",".join([b'"eA=="'] * 65)), "images: .* at most 64 items"),
        (json(b'{"images": ["eA==", 5]}'), "images.1: Input should be a valid string"),
        (json(b'{"image": "eA=="}'), "images: Field required"),
        (RequestBody("", b""), "the request contains no image"),
    ],
)
def test_a_batch_without_images_or_with_too_many_is_invalid(
    body: RequestBody, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        extract_images(body)


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


@pytest.mark.parametrize("value", ["[" * 100 + "]" * 100, "{}", '{"a": 1, "b": 2}', "1"])
def test_json_with_many_values_is_rejected_before_they_are_built(value: str) -> None:
    values = ",".join([value] * (2_000_000 // (len(value) + 1)))
    for content in (f'{{"images": ["eA==", {values}]}}', f'{{"image": "eA==", "x": [{values}]}}'):
        body = json(content.encode())
        for extract in (extract_image, extract_images):
            with pytest.raises(InvalidRequest, match="the JSON has more than 10,000 values"):
                extract(body)
