from __future__ import annotations

import pytest

from inference_service.errors import RequestTimeout
from inference_service.prediction.deadline import Deadline


def test_the_time_is_over_after_the_limit_and_not_at_it() -> None:
    now = 100.0
    deadline = Deadline(5, lambda: now)
    now = 105.0
    deadline.check()
    now = 105.1
    with pytest.raises(RequestTimeout, match="the image was not reached within 5 s; send fewer"):
        deadline.check()
