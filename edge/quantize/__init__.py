"""ONNX in, quantised ONNX out: ranges, Q/DQ placement, FP16 casts and sensitivity."""
