"""The commands of `clients-api`, by subject."""

PLACES = {  # of each command, by its name
    "backup": "clients_api.commands.upkeep:backup",
    "check": "clients_api.commands.upkeep:check",
    "copy": "clients_api.commands.copying:copy",
    "dev": "clients_api.commands.dev:dev",
    "duplicates": "clients_api.commands.duplicates:duplicates",
    "export": "clients_api.commands.files:export",
    "history": "clients_api.commands.events:history",
    "import": "clients_api.commands.files:import_",
    "keys": "clients_api.commands.keys:keys",
    "migrate": "clients_api.commands.schema:migrate",
    "openapi": "clients_api.commands.schema:openapi",
    "outbox": "clients_api.commands.outbox:outbox",
    "restore": "clients_api.commands.upkeep:restore",
    "serve": "clients_api.commands.serving:serve",
    "tidy": "clients_api.commands.events:tidy",
    "undo": "clients_api.commands.events:undo",
    "webhooks": "clients_api.commands.webhooks:webhooks",
}
