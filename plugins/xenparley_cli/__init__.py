"""The command line: ``xenparley -c URI COMMAND``. See docs/cli.md."""
