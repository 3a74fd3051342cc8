"""`python -m trainer.publishing.withdraw NUMBER` makes every volume delete a version."""

from __future__ import annotations

import argparse
import sys

from shared.settings import SettingsError
from shared.versions.object_store import StoreError
from trainer.publishing.upload import Uploader
from trainer.settings import TrainerSettings


def main() -> None:
    """Withdraw the version that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m trainer.publishing.withdraw")
    parser.add_argument("version", type=int, metavar="NUMBER")
    version: int = parser.parse_args().version
    try:
        uploader = Uploader.from_settings(TrainerSettings.load())
        if uploader is None:
            sys.exit("MODELS_URL is not set: delete the directory of the version instead")
        uploader.withdraw(version)
    except SettingsError as error:
        sys.exit(str(error))
    except StoreError as error:
        sys.exit(f"version {version} was not withdrawn: {error}")
    sys.stdout.write(f"version {version} is withdrawn: each volume deletes it at its next check\n")


if __name__ == "__main__":
    main()
