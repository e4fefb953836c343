"""The web backend: one application, described once, and what its three runtimes share."""
