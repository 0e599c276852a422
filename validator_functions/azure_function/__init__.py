"""Azure Functions: HTTP requests in, HTTP answers out; no decision of its own."""
