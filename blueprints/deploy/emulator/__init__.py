"""The server side of the local deploy target: MiniStack, extended in its own process before it serves.

Nothing in here is imported by the rest of the library; `blueprints.deploy.local` starts it as a child process.
"""
