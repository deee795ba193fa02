"""The command line's parts: options, exit codes, the terminal. Only ``cli.py`` imports them."""
