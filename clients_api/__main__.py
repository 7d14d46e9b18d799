"""`python -m clients_api` is the command `clients-api`, also where the project is not installed."""

from .cli import main

main()
