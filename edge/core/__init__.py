"""The words everybody shares: values, ports, errors, settings, the hand-over between threads."""
