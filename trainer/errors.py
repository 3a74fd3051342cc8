"""Errors that end a training with one line in the log.

TrainerError
├── GeneratorError       the generator is unreachable, or its data is unusable
├── ImageFolderError     an image folder that cannot be used
├── TrainingError        a training that failed
├── QualityGateError     a model that is not accurate enough to be published
├── DirectoryLockedError another process writes the same files
├── DiskSpaceError       too little disk space
└── AuditError           captchas that cannot be audited
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


class DirectoryLockedError(TrainerError):
    """Another process writes the same files."""


class DiskSpaceError(TrainerError):
    """Too little disk space."""


class AuditError(TrainerError):
    """Captchas that cannot be audited."""
