"""xenparley."""
