"""Small data of every kind."""

from tests.testing.examples import examples

__all__ = ["examples"]
