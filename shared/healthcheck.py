"""A container health check: `python -m shared.healthcheck PORT PATH` fails unless it gets a 200."""

from __future__ import annotations

import http.client
import sys


def main() -> None:
    """Request PATH from this host and exit with 0 if the status is 200."""
    port, path = sys.argv[1:]
    # http.client ignores the proxy variables of the environment.
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=3)
    connection.request("GET", path)
    sys.exit(connection.getresponse().status != http.HTTPStatus.OK)


if __name__ == "__main__":
    main()
