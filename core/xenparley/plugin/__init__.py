"""The plugin layer: what plugins register, how they are found and loaded, what went wrong."""
