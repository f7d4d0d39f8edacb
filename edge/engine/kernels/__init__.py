"""The GPU's side of a frame: kernels before and after the network, and the Python around them.

``*.cu`` are compiled when a bundle is built and travel in it; the service needs no compiler.
"""

from edge.engine.kernels.compiling import compile_kernels, find_compiler, kernels_id

__all__ = ["compile_kernels", "find_compiler", "kernels_id"]
