"""The dashboard: pages rendered on the server, and everything that they load."""
