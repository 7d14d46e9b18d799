"""The entry point for flask, gunicorn and python."""

from clients_api import create_app

app = create_app()

if __name__ == "__main__":
    app.run()
