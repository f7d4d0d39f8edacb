"""The live view: one server thread, one encoder thread, any number of viewers."""
