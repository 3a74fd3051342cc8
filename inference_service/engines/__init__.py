"""Engines that run a SavedModel: OpenVINO on the CPU, TensorFlow on a GPU.

A module here imports its library only when an engine is created, because a container image
contains one of the two libraries.
"""

from __future__ import annotations

from inference_service.engines.engine import Engine, EngineLoader, Images, Probabilities
from inference_service.engines.openvino import OpenVinoEngine
from inference_service.engines.tensorflow import TensorFlowEngine

ENGINES: dict[str, type[OpenVinoEngine] | type[TensorFlowEngine]] = {
    engine.name: engine for engine in (OpenVinoEngine, TensorFlowEngine)
}
"""Engine classes by the value of the setting ENGINE."""

__all__ = [
    "ENGINES",
    "Engine",
    "EngineLoader",
    "Images",
    "OpenVinoEngine",
    "Probabilities",
    "TensorFlowEngine",
]
