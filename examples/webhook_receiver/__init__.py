"""A guarded receiver of deployment webhooks: `app.application()` is an ASGI program."""
