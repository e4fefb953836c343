"""The two services, by what several stacks have to know of them."""

from __future__ import annotations

from blueprints.catalog._part import Part

# One failure more than usual, so that a model call that blocks a task for a moment does not end it.
UNHEALTHY = 3

# Fargate waits no longer for a container that was asked to end. An answer of the model may take that long.
LONGEST_STOP = 120

# The backend's keys: its variable, the name in the templates, the document's name, and what it is for.
KEYS = {
    "OPENAI_API_KEY": ("OpenAiKey", "openai-key", "OpenAI API key for LLM operations"),
    "SERP_API_KEY": ("SerpKey", "serp-key", "SERP API key for web search"),
}

# The backend's configuration, which it reads from SSM.
CONFIGURATION = ("ENVIRONMENT", "LOG_LEVEL", "CORS_ORIGINS")

BACKEND = Part("Backend", "recipe-chatbot-backend", 8000, "/health", UNHEALTHY)
FRONTEND = Part("Frontend", "recipe-chatbot-frontend", 3000, "/", UNHEALTHY)
