"""Where results go: files, counts, metrics, and the live view in a browser.

A loop that must not stop wraps each of them in :class:`edge.sinks.isolated.Isolated`.
"""
