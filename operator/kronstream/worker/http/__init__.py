"""The handler type http."""
