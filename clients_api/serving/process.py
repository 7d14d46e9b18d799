"""What a process that serves does at its begin and its end, whichever server has started it."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Callable

from clients_api.mail.deliverer import Deliverer
from clients_api.models import Mail
from clients_api.models.engines import sqlite
from clients_api.models.engines.current import using
from clients_api.models.queries.prepared import compose_all
from clients_api.service import Service
from clients_api.webhooks.sender import Sender

ENDS = {signal.SIGTERM, signal.SIGQUIT}

log = logging.getLogger("clients_api")


def warm_up(app: Service) -> None:
    """Do once what each worker would do by itself, in memory of its own; before they are forked."""
    with using(app.database):
        compose_all()
        try:
            app.prepare()
            Mail.due_ids()
        except (sqlite.DatabaseUnusable, *sqlite.ERRORS):
            pass  # the workers look again, and say it to whoever asks
        app.database.close_all()
    # What is loaded now stays for good. A garbage collector that never touches it leaves its memory
    # shared between the workers.
    gc.collect()
    gc.freeze()
    # A worker that is told to end before it knows how to would take no notice, and be waited for.
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ENDS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS),
        after_in_child=_end_at_once,
    )


def _end_at_once() -> None:
    for number in ENDS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process tells the others
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


def log_as_ours(name: str) -> None:
    """Have a server's own lines look like all others: text, or JSON."""
    logger = logging.getLogger(name)
    logger.handlers[:] = log.handlers
    logger.propagate = False


def begin(app: Service, threads: int) -> Callable[[], None]:
    """Make a new process ready to serve, and to deliver mail and webhooks; return what ends it.

    In: how many threads it has to answer with.
    """
    app.database.reserve_for_readers(threads)
    app.after_fork()
    app.database.on_stale = _renew
    deliverer = Deliverer(app.database, app.config, app.prepare)
    sender = Sender(app.database, app.config, app.prepare)
    deliverer.start()
    sender.start()

    def end() -> None:
        sender.stop()
        deliverer.stop()
        app.database.close_all()

    return end


def _renew() -> None:
    """Have new workers take over: both servers begin them before they end the old ones."""
    log.warning("The database can be written again: new workers begin.")
    os.kill(os.getppid(), signal.SIGHUP)
