"""Settings, components and stacks: the words everything else is written in."""
