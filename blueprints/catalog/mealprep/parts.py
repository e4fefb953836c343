"""The services, by what several stacks have to know of them."""

from __future__ import annotations

from blueprints.catalog._part import Part

# What .NET's images listen on since .NET 8, as a user that may not bind port 80.
DOTNET_PORT = 8080

API = Part("Api", "mealprep-api", DOTNET_PORT, "/health")
WEB = Part("Web", "mealprep-web", 8080, "/")
