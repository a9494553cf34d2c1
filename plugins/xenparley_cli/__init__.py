"""The command line: ``xenparley -c URI COMMAND``."""
