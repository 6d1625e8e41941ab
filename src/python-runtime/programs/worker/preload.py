"""Libraries that take long to import, and may be imported before an attempt asks for them."""

LIBRARIES = ("numpy", "pandas", "pyarrow", "sklearn", "torch")
