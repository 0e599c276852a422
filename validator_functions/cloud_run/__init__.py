"""Cloud Run, or any container: forward authentication over HTTP; no decision of its own."""
