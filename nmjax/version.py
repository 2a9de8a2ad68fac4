"""The version of nmjax, in one place."""

__version__ = "0.1.0"
