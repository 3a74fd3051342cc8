"""A health check: `python -m shared.probe PORT PATH` fails unless the answer is 200."""

from __future__ import annotations

import http.client
import sys


def main() -> None:
    """Asks this machine itself, past any proxy that the environment names."""
    port, path = sys.argv[1:]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=3)
    connection.request("GET", path)
    sys.exit(connection.getresponse().status != http.HTTPStatus.OK)


if __name__ == "__main__":
    main()
