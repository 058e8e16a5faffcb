"""The night screen."""
