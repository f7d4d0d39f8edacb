"""The trained model as PyTorch and Ultralytics run it: what an engine is to be compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.core.errors import InputMissingError, UnavailableError
from edge.core.types import Frame
from edge.export import load_model, load_ultralytics


class PyTorchModel:
    """A model of Ultralytics, the network alone and its ``predict``; on the GPU if there is one.

    The weights are code: see :mod:`edge.export`.

    Attributes:
        description: library, precision and device, for people.
    """

    def __init__(self, weights: Path, *, half: bool = False, side: int = 640) -> None:
        """Load it.

        Args:
            weights: a ``.pt`` file of Ultralytics.
            half: compute in FP16; else in FP32, without TensorFloat-32.
            side: of the square input, pixels.

        Raises:
            InputMissingError: there are no such weights.
            DataError: they are not those of a detection model.
            MissingLibraryError: Ultralytics is not installed.
            UnavailableError: FP16 without a GPU.
        """
        if not weights.is_file():
            raise InputMissingError(f"{weights}: no such file. Name the .pt file of your training")
        yolo = load_ultralytics()
        import torch

        self._torch = torch
        self._on_gpu = torch.cuda.is_available()
        if half and not self._on_gpu:
            raise UnavailableError("PyTorch in FP16 needs a GPU, and PyTorch sees none here")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        device = "cuda" if self._on_gpu else "cpu"
        self._options: dict[str, Any] = {"imgsz": side, "device": device, "verbose": False}
        self._model = load_model(yolo, weights, weights)
        self._network = load_model(yolo, weights, weights).model.fuse().eval().to(device)
        self._tensor = torch.zeros(1, 3, side, side, device=device)
        if half:
            self._options["half"] = True
            self._network, self._tensor = self._network.half(), self._tensor.half()
        name = torch.cuda.get_device_name() if self._on_gpu else "CPU"
        self.description = f"PyTorch {torch.__version__} {'fp16' if half else 'fp32'}, {name}"

    def forward(self) -> None:
        """The network once, on a tensor that is ready; waits for its end."""
        with self._torch.inference_mode():
            self._network(self._tensor)
        if self._on_gpu:
            self._torch.cuda.synchronize()

    def predict(self, frame: Frame) -> Any:
        """What Ultralytics finds in a frame, with its usual thresholds."""
        return self._model.predict(frame.bgr(), **self._options)[0]
