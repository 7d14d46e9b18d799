"""What gunicorn reads by itself when it is started here: `gunicorn app:app`."""

from clients_api.serving.gunicorn import settings

globals().update({name: value for name, value in settings().items() if value is not None})
