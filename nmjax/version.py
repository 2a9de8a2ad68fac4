"""The version of nmjax, in one place."""

__version__ = "0.2.0"
