"""`python -m clients_api` is the command `clients-api`, also where the project is not installed."""

from clients_api.commands.cli import main

main()
