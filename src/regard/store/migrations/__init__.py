"""How the state of older workspaces becomes that of today."""
