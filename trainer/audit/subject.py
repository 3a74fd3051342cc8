"""What an audit is about: rendered captchas of one setting, or an image folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from shared.captchas.effects import Effects
from shared.captchas.spec import LIBRARY_STYLES, CaptchaSpec
from trainer.audit.captchas.audit_captchas import AuditCaptchas, split_folder
from trainer.audit.captchas.coverage import describe_unknown
from trainer.audit.captchas.labelled_folder import LabelledFolder, read_labelled_folder
from trainer.audit.captchas.renderer import AuditRenderer
from trainer.audit.options import AuditOptions
from trainer.audit.plan import LABELS, TEST_CAPTCHAS, Protection
from trainer.audit.results import Setting
from trainer.data.generator_client import GeneratorClient
from trainer.errors import AuditError, GeneratorError
from trainer.settings import TrainerSettings

# Wilson intervals of a folder with fewer test images are wide.
_FEW_TEST_IMAGES = 400


@dataclass(frozen=True)
class Subject:
    """The captchas to audit."""

    setting: Setting
    spec: CaptchaSpec
    captchas: AuditCaptchas
    fingerprint: str
    """Of the pixels: that of the renderer, or of the image folder."""
    renderer: AuditRenderer | None
    """None for an image folder."""
    protections: tuple[Protection, ...]
    warnings: tuple[str, ...]


def find_subject(
    options: AuditOptions, client: GeneratorClient, settings: TrainerSettings
) -> Subject:
    """Return the captchas of the options; invalid settings are refused here, before any training.

    Raises:
        SpecError: if the fields do not make a valid spec.
        GeneratorError: if the generator is unreachable or cannot render the captchas.
        ImageFolderError: if the folder cannot be audited.
        AuditError: if there are too few different captchas, or fewer than `--fail-above` needs.
    """
    if options.image_folder:
        return _describe_folder(options, read_labelled_folder(options.image_folder))
    spec = options.build_spec(client.wait_ready(settings.generator_timeout_s).spec)
    source = client.describe(spec)
    protections, warnings = _find_protections(client, spec)
    # An audit in another mode may run at the same time, and removes its captchas at its end.
    cache = (
        f"captchas-{spec.fingerprint}-{source.renderer_fingerprint}-{options.mode}-{options.seed}"
    )
    renderer = AuditRenderer(
        client, settings.data_dir / "audits" / cache, options.seed, TEST_CAPTCHAS[options.mode]
    )
    captchas = renderer.fetch(spec, max(labels[-1] for labels in LABELS[options.mode].values()))
    if captchas.left_out:
        warnings.append(
            f"{captchas.left_out:,} rendered captchas were equal to a test captcha and were not"
            " used for training: this setting has few different images"
        )
    if unknown := describe_unknown(spec):
        warnings.append(unknown)
    setting = Setting(
        name=name_report(options, build_name(spec)),
        spec=spec.to_dict(),
        image_folder=None,
        labelled_images=None,
        renderer=source.renderer,
    )
    return Subject(
        setting,
        spec,
        captchas,
        source.renderer_fingerprint,
        renderer,
        tuple(protections),
        tuple(warnings),
    )


def build_name(spec: CaptchaSpec) -> str:
    """Return a name such as `classic-4of10-160x60`; another charset and effects add some digits."""
    length = spec.length_range.replace(" ", "")
    name = f"{spec.style}-{length}of{len(spec.charset)}-{spec.width}x{spec.height}"
    is_plain = spec.charset == CaptchaSpec().charset and spec.effects == Effects()
    return name if is_plain else f"{name}-{spec.fingerprint[:6]}"


def name_report(options: AuditOptions, captchas: str) -> str:
    """Return the name of the report: as given, or that of the captchas and the mode.

    A quick audit does not replace the report of a thorough one.
    """
    suffix = "" if options.mode == "default" else f"-{options.mode}"
    return options.name or captchas + suffix


def _describe_folder(options: AuditOptions, folder: LabelledFolder) -> Subject:
    captchas = split_folder(folder, options.seed)
    spec, tested = folder.folder.spec, len(captchas.test)
    limit, labelled = options.fail_above, len(captchas.train)
    if limit and limit.images > labelled:
        raise AuditError(
            f"--fail-above {limit} needs {limit.images:,} images to train on, and {folder.name} has"
            f" {labelled:,}: about a fifth of its images tests the attackers"
        )
    warnings = []
    if copies := folder.folder.copies:
        warnings.append(
            f"{copies:,} of {len(folder.folder) + copies:,} files show the same pixels as another"
            " file; each image is used once"
        )
    if captchas.left_out:
        warnings.append(
            f"{captchas.left_out:,} images are almost the same as a test image and were not used"
            " for training: an attacker who has them would look better than it is"
        )
    if tested < _FEW_TEST_IMAGES:
        warnings.append(
            f"only {tested:,} test images: the intervals are wide; {5 * _FEW_TEST_IMAGES:,} images"
            " in the folder make them narrower"
        )
    if unknown := describe_unknown(spec):
        warnings.append(unknown)
    setting = Setting(
        name=name_report(options, _clean(folder.name)),
        spec=spec.to_dict(),
        image_folder=folder.name,
        labelled_images=len(folder.folder),
        renderer={},
    )
    return Subject(setting, spec, captchas, folder.folder.fingerprint, None, (), tuple(warnings))


def _find_protections(
    client: GeneratorClient, spec: CaptchaSpec
) -> tuple[list[Protection], list[str]]:
    """Return the changes that can be rendered, and warnings about those that cannot."""
    if spec.style not in LIBRARY_STYLES:
        return [], [f"the style {spec.style} has no effects, so what helps was not measured"]
    protections, warnings = [], []
    for name, change, effects in spec.effects.changes():
        changed = replace(spec, effects=effects)
        try:
            client.describe(changed)
        except GeneratorError as error:
            warnings.append(f"{name} {change} was not measured: {error}")
        else:
            protections.append(Protection(name, change, changed))
    return protections, warnings


def get_value(protection: Protection) -> Any:
    """Return the value that the change gives to the protection."""
    return getattr(protection.spec.effects, protection.name)


def _clean(name: str) -> str:
    """Return a valid name of a report, with space for the mode."""
    return re.sub(r"[^0-9A-Za-z._-]+", "-", name).lstrip("._-")[:90] or "image-folder"
