"""CUDA's driver itself, for the few calls that PyCUDA lacks, or crashes in.

The functions are those of ``cuda.h``; the context that is current is PyCUDA's.
"""

from __future__ import annotations

import ctypes
from typing import Any

from edge.core.errors import UnavailableError

_LIBRARY = "libcuda.so.1"  # the driver itself: on a Jetson too

Pointer = ctypes.c_void_p
_SIGNATURES = {
    "cuStreamBeginCapture_v2": (Pointer, ctypes.c_int),
    "cuStreamEndCapture": (Pointer, ctypes.POINTER(Pointer)),
    "cuGraphInstantiateWithFlags": (ctypes.POINTER(Pointer), Pointer, ctypes.c_ulonglong),
    "cuGraphLaunch": (Pointer, Pointer),
    "cuGraphExecDestroy": (Pointer,),
    "cuGraphDestroy": (Pointer,),
    "cuMemHostRegister_v2": (Pointer, ctypes.c_size_t, ctypes.c_uint),
    "cuMemHostUnregister": (Pointer,),
    "cuMemHostGetDevicePointer_v2": (ctypes.POINTER(ctypes.c_uint64), Pointer, ctypes.c_uint),
    "cuGetErrorName": (ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)),
}


class LibCuda:
    """The driver's functions, by name."""

    def __init__(self) -> None:
        """Find them.

        Raises:
            UnavailableError: there is no driver, or it is older than CUDA 11.4.
        """
        try:
            self._library: Any = ctypes.CDLL(_LIBRARY)
            for name, arguments in _SIGNATURES.items():
                function = getattr(self._library, name)
                function.argtypes, function.restype = arguments, ctypes.c_int
        except (OSError, AttributeError) as error:
            raise UnavailableError(
                f"CUDA's driver lacks a call: {error}. Edge needs a driver for CUDA 11.4 or newer"
            ) from error

    def call(self, name: str, *arguments: Any) -> None:
        """Call one of the functions.

        Raises:
            UnavailableError: it failed.
        """
        code = getattr(self._library, name)(*arguments)
        if code:
            text = ctypes.c_char_p()
            self._library.cuGetErrorName(code, ctypes.byref(text))
            said = (text.value or b"unknown error").decode()
            raise UnavailableError(f"the GPU cannot be used: {name} failed: {said} ({code})")
