"""Which versions predict the captchas of the generator, and what their texts can be."""

from __future__ import annotations

from inference_service.errors import UnsupportedCaptchas
from inference_service.models.model_loading import Source
from shared.captchas.restriction import Restriction
from shared.captchas.spec import CaptchaSpec
from shared.versions.manifest import Manifest


def choose_restriction(
    manifest: Manifest, source: Source, generator: CaptchaSpec | None
) -> Restriction:
    """Return what the texts of a version can be, unless a request says otherwise.

    A published version predicts the captchas that it was trained for. The bundled model predicts
    all captchas with characters and lengths that it knows: their size does not matter because
    images are scaled, nor their style because it has seen many designs.

    Args:
        manifest: the version.
        source: where it comes from.
        generator: the captchas that the generator renders; None if they are not known.

    Raises:
        UnsupportedCaptchas: if the version does not predict the captchas of the generator, with
            the reason.
    """
    spec = manifest.captcha_spec
    if generator is None:
        return Restriction.from_spec(spec)
    if source == "bundled":
        _check_bundled(spec, generator)
        return Restriction.from_spec(generator)
    # A version that was trained on an image folder alone is for these images, whatever the
    # generator renders.
    if spec != generator and not manifest.is_image_folder:
        raise UnsupportedCaptchas("it was trained for other captchas than the generator renders")
    return Restriction.from_spec(spec)


def _check_bundled(spec: CaptchaSpec, generator: CaptchaSpec) -> None:
    if unknown := "".join(sorted(set(generator.charset) - set(spec.charset))):
        raise UnsupportedCaptchas(
            f"CAPTCHA_CHARSET contains {unknown!r}, which the bundled model does not know;"
            " a version is needed that is trained for it"
        )
    for name, length in (
        ("CAPTCHA_LENGTH", generator.length),
        ("CAPTCHA_MIN_LENGTH", generator.shortest),
    ):
        if not spec.shortest <= length <= spec.length:
            raise UnsupportedCaptchas(
                f"{name} is {length}, and the bundled model predicts {spec.length_range}"
                " characters; a version is needed that is trained for it"
            )
