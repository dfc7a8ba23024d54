"""What is said about input that cannot be used."""

from __future__ import annotations


class Invalid(ValueError):  # noqa: N818 - a verdict on a field, named as the conditions name it
    """A field whose value cannot be used.

    `field` is the path a person finds in their YAML (`spec.retry.limit`), `fault` what is wrong with it and
    `instead` what to write; `instead` may be empty.
    """

    def __init__(self, field: str, fault: str, instead: str = "") -> None:
        super().__init__(field, fault, instead)
        self.field = field
        self.fault = fault
        self.instead = instead

    def __str__(self) -> str:
        head = f"{self.field}: {self.fault}"
        return f"{head}; {self.instead}" if self.instead else head
