"""Arrays to arrays: letterbox, decode, suppression, drawing. No clock, no file, no thread."""
