"""Errors that end a training with one line in the log.

TrainerError
├── GeneratorError      the generator is unreachable, or its data is unusable
├── ImageFolderError    an image folder that cannot be used
├── TrainingError       a training that failed
├── QualityGateError    a model that is not accurate enough to be published
├── RunLockedError      another process runs the same training
├── DiskSpaceError      too little disk space
└── AuditError          captchas that cannot be audited
"""

from __future__ import annotations


class TrainerError(RuntimeError):
    """Base class."""


class GeneratorError(TrainerError):
    """The generator is unreachable, or its data is unusable."""


class ImageFolderError(TrainerError):
    """An image folder that cannot be used. The message names the file and the reason."""


class TrainingError(TrainerError):
    """A training that failed."""


class QualityGateError(TrainerError):
    """A model that is not accurate enough to be published."""


class RunLockedError(TrainerError):
    """Another process runs the same training."""


class DiskSpaceError(TrainerError):
    """Too little disk space."""


class AuditError(TrainerError):
    """Captchas that cannot be audited."""
