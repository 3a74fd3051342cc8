"""The predictor: from request bodies to response bodies, on the event loop or a worker thread.

An ordinary captcha is decoded and predicted in less than a millisecond. A thread would respond
later, because it and the event loop compete for Python's lock, so the event loop itself predicts.
Larger images and requests with several images would delay all other requests there. One worker
thread predicts them: more threads would take the lock from the event loop more often. If the engine
is too slow for the event loop, a second thread predicts the captchas.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from inference_service.errors import QueueFull, RequestError, RequestTooLarge
from inference_service.prediction.batch_prediction import (
    BatchTimes,
    PredictJob,
    PredictOptions,
    predict_batch,
    without_traceback,
)
from inference_service.prediction.batching import Batcher
from inference_service.prediction.deadline import Deadline
from inference_service.requests.parsing import RequestBody, extract_image, extract_images
from inference_service.requests.request_body import MAX_BODY_BYTES, MAX_INLINE_BYTES
from shared.captchas.images import ImageError
from shared.http.schemas import PredictBatchBody, PredictBody

# Four times as many as the default captcha of 160x60 has.
MAX_INLINE_PIXELS = 40_000
# Pillow writes one with pixels per 64 kB.
MAX_INLINE_CHUNKS = 8
# Half the time that the gateway waits for a response. It is checked before each image on the worker
# thread, which would otherwise decode images of clients that have given up.
TIMEOUT_S = 5.0
_PNG_HEADER = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"

_Respond = Callable[[], bytes | Exception]


class Predictor:
    """Predicts the images of requests: ordinary captchas in batches, others one by one."""

    def __init__(
        self,
        record_batch: Callable[[BatchTimes], None],
        *,
        on_event_loop: bool,
        max_batch_size: int,
        max_queue_size: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a predictor, which is used on one event loop.

        Args:
            record_batch: called after each call of the engine, also on the threads.
            on_event_loop: whether the engine is fast enough to predict captchas on the event loop;
                otherwise a thread of their own predicts them.
            max_batch_size: maximum number of images per call of the engine.
            max_queue_size: maximum number of captchas that wait, and of other requests.
            clock: seconds, for the time limit on the worker thread.
        """
        self._record_batch = record_batch
        self._max_batch_size = max_batch_size
        self._clock = clock
        # The captchas do not wait behind the other requests, and a full queue of them rejects none.
        self._captcha_thread = None if on_event_loop else ThreadPoolExecutor(1, "captchas")
        self._worker = ThreadPoolExecutor(1, "worker")
        self._captchas: Batcher[PredictJob, bytes] = Batcher(
            self._predict_captchas,
            max_batch_size=max_batch_size,
            max_queue_size=max_queue_size,
            executor=self._captcha_thread,
        )
        self._others: Batcher[_Respond, bytes] = Batcher(
            lambda jobs: [respond() for respond in jobs],
            max_batch_size=1,
            max_queue_size=max_queue_size,
            executor=self._worker,
        )

    @property
    def queue_size(self) -> int:
        """Requests that wait for a prediction or are being predicted."""
        return self._captchas.queue_size + self._others.queue_size

    @property
    def rejections(self) -> int:
        """Requests that were rejected because the queue was full."""
        return self._captchas.rejections + self._others.rejections

    def stop(self) -> None:
        """Let the threads end. The server has completed all requests before."""
        if self._captcha_thread:
            self._captcha_thread.shutdown(wait=False)
        self._worker.shutdown(wait=False)

    async def predict(self, body: RequestBody, options: PredictOptions) -> bytes:
        """Return the JSON of a PredictBody for the image of a body.

        Raises:
            RequestError: if the body is invalid.
            ImageError: if the image is rejected.
            QueueFull: if too many requests wait, or this one has waited for TIMEOUT_S.
        """
        if len(body.content) <= MAX_INLINE_BYTES:
            image = extract_image(body)
            if _is_captcha_sized(image):
                return await self._captchas.submit(PredictJob(image, options))
        deadline = Deadline(TIMEOUT_S, self._clock)
        return await self._others.submit(partial(self._predict_one, body, options, deadline))

    async def predict_all(self, body: RequestBody, options: PredictOptions) -> bytes:
        """Return the JSON of a PredictBatchBody for the images of a body.

        Images that are not reached within TIMEOUT_S after the call fail alone.

        Raises:
            RequestError: if the body is invalid.
            QueueFull: if too many requests wait.
        """
        deadline = Deadline(TIMEOUT_S, self._clock)
        return await self._others.submit(partial(self._predict_several, body, options, deadline))

    def _predict_captchas(self, jobs: Sequence[PredictJob]) -> list[bytes | Exception]:
        return [
            result if isinstance(result, Exception) else _to_json(result)
            for result in self._run(jobs)
        ]

    def _predict_one(
        self, body: RequestBody, options: PredictOptions, deadline: Deadline
    ) -> bytes | Exception:
        if deadline.is_over():
            return QueueFull(f"the image was not reached within {TIMEOUT_S:g} s; retry later")
        try:
            image = extract_image(body)
        except RequestError as error:
            return without_traceback(error)
        return self._predict_captchas([PredictJob(_reject_large(image), options)])[0]

    def _predict_several(
        self, body: RequestBody, options: PredictOptions, deadline: Deadline
    ) -> bytes | Exception:
        try:
            images = extract_images(body)
        except RequestError as error:
            return without_traceback(error)
        jobs = [PredictJob(_reject_large(image), options, deadline) for image in images]
        results: list[PredictBody] = []
        for start in range(0, len(jobs), self._max_batch_size):
            for result in self._run(jobs[start : start + self._max_batch_size]):
                if isinstance(result, PredictBody):
                    results.append(result)
                elif isinstance(result, ImageError | RequestError):
                    results.append(PredictBody(success=False, prediction="", debug=str(result)))
                else:
                    return result  # a bug
        return _to_json(PredictBatchBody(results=results))

    def _run(self, jobs: Sequence[PredictJob]) -> list[PredictBody | Exception]:
        """Predict images with the version that was active when their request arrived.

        A batch has two versions only while another one becomes active.
        """
        results: dict[int, PredictBody | Exception] = {}
        for model in {id(job.options.model): job.options.model for job in jobs}.values():
            rows = [row for row, job in enumerate(jobs) if job.options.model is model]
            bodies, times = predict_batch(model, [jobs[row] for row in rows])
            self._record_batch(times)
            results |= zip(rows, bodies, strict=True)
        return [results[row] for row in range(len(jobs))]


def _is_captcha_sized(image: bytes) -> bool:
    """Whether an image of up to MAX_INLINE_BYTES is decoded about as fast as a captcha.

    Only a PNG has its size at a fixed position. EXIF data of 48 kB take 50 ms to parse. Thousands
    of chunks and animations also take longer. Compressed pixels rarely contain these names.
    """
    if not image.startswith(_PNG_HEADER) or b"eXIf" in image or b"acTL" in image:
        return False
    if any(image.count(name) > MAX_INLINE_CHUNKS for name in (b"IDAT", b"PLTE", b"tRNS")):
        return False
    width, height = int.from_bytes(image[16:20]), int.from_bytes(image[20:24])
    return width * height <= MAX_INLINE_PIXELS


def _reject_large(image: bytes | RequestError) -> bytes | RequestError:
    """Return the error for an image that is too large, although its body is not."""
    if isinstance(image, RequestError) or len(image) <= MAX_BODY_BYTES:
        return image
    return RequestTooLarge(
        f"the image has {len(image):,} bytes, more than the {MAX_BODY_BYTES:,} accepted"
    )


def _to_json(body: PredictBody | PredictBatchBody) -> bytes:
    return body.model_dump_json(exclude_none=True).encode()
