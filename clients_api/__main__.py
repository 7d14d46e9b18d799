"""`python -m clients_api` is the command `clients-api`, also where the project is not installed."""

from .commands.cli import main

main()
