"""The version of this program, by itself: whoever imports it needs nothing else of the package."""

__version__ = "0.1.0"
