"""All that knows this machine: what it is, and what is wrong with it."""
