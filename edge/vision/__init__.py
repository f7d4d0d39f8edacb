"""Arrays to arrays: letterbox, decode, suppression, matching, agreement, features, drawing.

No clock, no file, no thread.
"""
