"""garble within other libraries: a thin file each, which needs that library installed."""
