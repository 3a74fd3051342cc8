from __future__ import annotations

import asyncio
from pathlib import Path

from inference_service.app import create_app
from inference_service.models.model_store import ModelStore
from inference_service.settings import Settings
from inference_service.whole_responses import JoinedWrites, WholeResponses
from tests.inference_service.captchas import Captcha
from tests.inference_service.engines import load_band_engine
from tests.serving import running, wait_ready


class RecordingTransport:
    """Passes everything on to a transport, and keeps what is written."""

    def __init__(self, transport: asyncio.Transport, writes: list[bytes]) -> None:
        self._transport, self._writes = transport, writes

    def write(self, data: bytes) -> None:
        self._writes.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


def test_a_prediction_is_sent_in_one_write(models: Path, captchas: list[Captcha]) -> None:
    writes: list[bytes] = []

    class Recorded(WholeResponses):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(RecordingTransport(transport, writes))  # type: ignore[arg-type]

    app = create_app(Settings.load(), ModelStore(models, load_band_engine))
    with running(app, http=Recorded) as client:
        wait_ready(client)
        writes.clear()
        response = client.post("/predict", json=captchas[0].json)
    assert response.json()["prediction"] == captchas[0].text
    assert len(writes) == 1
    assert writes[0].endswith(response.content)


def test_small_writes_are_joined_and_large_ones_are_not_copied() -> None:
    class FakeTransport:
        calls: list[object]

        def write(self, data: bytes) -> None:
            self.calls.append(data)

        def close(self) -> None:
            self.calls.append("closed")

    file = bytes(100_000)

    async def write_and_close() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        joined.write(b"a header ")
        joined.write(b"and a body")
        joined.close()
        await asyncio.sleep(0)
        joined.write(b"a header")
        joined.write(file)
        await asyncio.sleep(0)

    transport = FakeTransport()
    transport.calls = []
    asyncio.run(write_and_close())
    assert transport.calls == [b"a header and a body", "closed", b"a header", file]
    assert transport.calls[-1] is file, "no copy for each client"
